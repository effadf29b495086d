-- An unlogged table is in no WAL, so in no archive of it, on no replica, and in no base backup. After a crash or a failover it is
-- empty: the service puts back the salts that it has in memory.
alter table visitor_salts set unlogged;
