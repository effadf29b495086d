-- Which links were deleted, the longest ago first: they are purged when nobody can restore them any more.
create index links_to_purge on links (deleted_at) where deleted_at is not null;
