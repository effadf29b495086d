-- By what its access tokens call a session since it moved to another workspace: those from before name another id, which is recorded as
-- revoked. Null: it has not moved, and they name the session's own.
alter table identity.sessions add column credential_id uuid;
