-- An accepted invitation goes with whoever accepted it: otherwise somebody who joins and leaves again and again leaves a row each time.
delete from identity.invitations i where accepted_by is not null
  and not exists (select from identity.memberships m where m.user_id = i.accepted_by and m.workspace_id = i.workspace_id);
alter table identity.invitations add foreign key (accepted_by, workspace_id) references identity.memberships on delete cascade;
create index invitations_by_acceptor on identity.invitations (accepted_by, workspace_id) where accepted_by is not null;

-- For the deletion of a membership, which deletes API keys that were revoked before, too.
create index api_keys_by_member on identity.api_keys (user_id, workspace_id);
