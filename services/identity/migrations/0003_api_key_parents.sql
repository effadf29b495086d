-- Which key made a key: it ends with that one. Null: a person made it, or it is from before this was kept.
alter table identity.api_keys
  add column parent_id uuid references identity.api_keys on delete cascade;
create index api_keys_by_parent on identity.api_keys (parent_id) where parent_id is not null;
