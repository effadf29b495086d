import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openCursor } from './cursor.ts';

let directory: string;
let path: string;
const refuse = (error: unknown): never => {
  throw error;
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hop-cursor-'));
  path = join(directory, 'cursor.json');
});
afterEach(() => rm(directory, { recursive: true }));

test('holds what was saved last', async () => {
  const cursor = await openCursor(path, refuse);
  expect(cursor.found).toEqual(new Map());
  await cursor.save(new Map([['7:a', 10]]));
  await cursor.save(
    new Map([
      ['7:a', 20],
      ['8:b', 5],
    ]),
  );
  expect((await openCursor(path, refuse)).found).toEqual(
    new Map([
      ['7:a', 20],
      ['8:b', 5],
    ]),
  );
  expect(await readdir(directory)).toEqual(['cursor.json']);
});

test('a crash before the rename leaves the old state', async () => {
  const cursor = await openCursor(path, refuse);
  await cursor.save(new Map([['7:a', 10]]));
  await writeFile(`${path}.next`, '{"v":1,"segm');
  expect((await openCursor(path, refuse)).found).toEqual(new Map([['7:a', 10]]));
});

test.each([
  '',
  'null',
  '[]',
  '{"v":2,"segments":{}}',
  '{"v":1,"segments":{"7:a":-1}}',
  '{"v":1,"segments":{"7:a":"1"}}',
  '{"v":1',
])('one that cannot be read (%s) is empty, and says so', async (content) => {
  await writeFile(path, content);
  const faults: unknown[] = [];
  const cursor = await openCursor(path, (error) => faults.push(error));
  expect(cursor.found).toEqual(new Map());
  expect(faults).toHaveLength(1);
});
