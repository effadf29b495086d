-- What WatchClicks tells, whichever process a watcher is connected to. Nothing is written here for links that nobody watches.

-- The links that are being watched. Each process renews its own rows while it has watchers.
create table watched_links (
  link_id uuid not null,
  -- The process, made anew at each start.
  watcher uuid not null,
  until timestamptz not null,
  primary key (link_id, watcher)
);

-- Clicks of watched links, one row for each link of a delivery, written in the transaction that counts them. Deliveries
-- of one source follow each other, so seq grows in the order in which they become visible; across sources it does not.
create table live_clicks (
  seq bigint generated always as identity primary key,
  -- Topic and partition.
  source text collate "C" not null,
  link_id uuid not null,
  stored_at timestamptz not null default clock_timestamp(),
  -- How many clicks of the link the delivery had; of very many the first ones are kept.
  total int not null,
  clicks json not null
);
