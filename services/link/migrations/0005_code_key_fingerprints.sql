-- What tells a key's secret from others, so that one which was exchanged under the same id is found out before it makes codes. Empty until
-- a link service of this version has started.
alter table code_blocks add column fingerprint text not null default '';
