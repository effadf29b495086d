import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fillIn } from './postgres.ts';

test('passwords are filled in as literals, whatever they contain', () => {
  expect(fillIn("alter role a password :'a'", { a: "it's" })).toBe("alter role a password 'it''s'");
});

test('a variable without a value is an error, not an empty password', () => {
  expect(() => fillIn("password :'missing'", {})).toThrow(/missing/);
});

test('the roles together leave room below max_connections', () => {
  const sql = readFileSync(new URL('../postgres/bootstrap.sql', import.meta.url), 'utf8');
  const limits = [...sql.matchAll(/connection limit (\d+)/g)].map((match) => Number(match[1]));
  expect(limits).toHaveLength(5);
  expect(limits.reduce((sum, limit) => sum + limit, 0)).toBeLessThanOrEqual(100);
});
