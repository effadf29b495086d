// A migration runs before the first process of its version does, and stays when one goes back: on the schema that it leaves, the version
// before it has to work on. So it only adds (docs/runbook.md, Upgrading).
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** Made before the first release, when there was no version to live beside. */
const beforeAnyRelease: readonly string[] = [
  'alter table clicks drop constraint clicks_pkey',
  'drop index clicks_by_link',
];

/** The statements of a migration on which what worked before may fail. */
function takingAway(sql: string): string[] {
  const statements = sql.replace(/--.*$/gm, '').split(';');
  return statements.map((each) => each.replace(/\s+/g, ' ').trim()).filter(takesAway);
}

function takesAway(statement: string): boolean {
  if (/\b(?:drop|rename|truncate|revoke|set not null)\b/i.test(statement)) return true;
  if (/\balter column \S+ (?:set data )?type\b/i.test(statement)) return true;
  // An insert of the version before does not name the column.
  const columns = statement.split(/\badd column\b/i).slice(1);
  return columns.some((column) => /\bnot null\b/i.test(column) && !/\b(?:default|generated)\b/i.test(column));
}

test('migrations only add', () => {
  const files = globSync('services/*/migrations/*.sql', { cwd: checkout });
  expect(files.length).toBeGreaterThan(20);
  const found = files.flatMap((file) => takingAway(readFileSync(`${checkout}/${file}`, 'utf8')));
  expect(found).toEqual(beforeAnyRelease);
});

test.each([
  'alter table links drop column title',
  'drop table\n  links',
  'alter table links rename column title to name',
  'alter table links alter column title set not null',
  'alter table links alter column title type bytea',
  'alter table links add column owner uuid not null',
  'alter table links add column a int not null default 0, add column b int not null',
])('%s is no addition', (statement) => {
  expect(takingAway(`-- What for.\n${statement};`)).toHaveLength(1);
});

test('a column that the version before need not name is one', () => {
  const added = 'alter table links add column a int not null default 0, add column b uuid; -- drop nothing';
  expect(takingAway(added)).toEqual([]);
});
