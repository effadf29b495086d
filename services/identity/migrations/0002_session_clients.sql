-- By what a person recognises a session: which program it is, and when it was last used. No address is kept.
alter table identity.sessions
  add column client text not null default '' check (length(client) <= 128),
  add column renewed_at timestamptz;
