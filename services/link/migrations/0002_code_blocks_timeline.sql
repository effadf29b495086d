-- In which history of the database a key's blocks were last reserved (it changes when a standby is promoted). What the old
-- primary reserved last may be missing in the new one: the first block of a new history is taken far ahead of what is known.
alter table code_blocks add column timeline text not null default '';
