-- Roles and schemas of Hopline, run in the database hopline by a superuser; safe to run again.
-- The passwords are psql variables (psql -v hop_link=…); compose/local fills in the same names itself.
-- Every role owns one schema or reads what the owner's migrations grant it.
--
-- Connections of one server. Two processes of each service fit, as in a rolling restart, and what migrates the schema or is run by hand (2):
--   link 2 x (16 pool + 6 watch) + 2 = 46; identity 2 x 10 + 2 = 22; analytics 2 x (4 writes + 1 erasing + 2 live + 4 reads) + 2 = 24;
--   resolver 3 x 8 = 24, for two of them always run; replication 4. Together 120, and max_connections is 130: ten are left
--   for superusers, so that no service takes the connections of another or of a person who has to look.
-- A process with a larger pool (HOP_LINK_POOL_SIZE, HOP_POSTGRES_CONNECTIONS, HOP_RESOLVER_POSTGRES_CONNECTIONS) needs a larger
-- limit here, and max_connections to follow; compose/local/postgres/postgres.test.ts holds the sums.

do $$
declare
  wanted text;
begin
  foreach wanted in array array['hop_link', 'hop_identity', 'hop_analytics', 'hop_resolver', 'hop_replication'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      execute format('create role %I', wanted);
    end if;
  end loop;
end
$$;

alter role hop_link with login connection limit 46 password :'hop_link';
alter role hop_identity with login connection limit 22 password :'hop_identity';
alter role hop_analytics with login connection limit 24 password :'hop_analytics';
alter role hop_resolver with login connection limit 24 password :'hop_resolver';
alter role hop_replication with login replication connection limit 4 password :'hop_replication';

revoke all on database hopline from public;
revoke all on schema public from public;
grant connect on database hopline to hop_link, hop_identity, hop_analytics, hop_resolver;

create schema if not exists link authorization hop_link;
create schema if not exists identity authorization hop_identity;
create schema if not exists analytics authorization hop_analytics;
grant usage on schema link to hop_resolver;

alter role hop_link in database hopline set search_path = link;
alter role hop_identity in database hopline set search_path = identity;
alter role hop_analytics in database hopline set search_path = analytics;
alter role hop_resolver in database hopline set search_path = link;

-- A client that stops in the middle of a transaction must not hold its locks for ever.
alter role hop_link set idle_in_transaction_session_timeout = '15s';
alter role hop_identity set idle_in_transaction_session_timeout = '15s';
alter role hop_analytics set idle_in_transaction_session_timeout = '15s';
alter role hop_resolver set default_transaction_read_only = on;
