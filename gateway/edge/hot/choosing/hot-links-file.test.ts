import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { temporaryDirectory } from '#runtime/testing/temporary-directory.ts';
import { readHotLinks, writeHotLinks } from './hot-links-file.ts';

const path = join(temporaryDirectory(), 'hot-links.json');

test('the next process knows the links and their scores; the first one knows none', async () => {
  const onUnreadable = vi.fn();
  expect(await readHotLinks(path, onUnreadable)).toEqual(new Map());
  const links = new Map([
    ['go.example/a', 7.5],
    ['go.example/été', 0],
  ]);
  await writeHotLinks(path, links);
  expect(await readHotLinks(path, onUnreadable)).toEqual(links);
  expect(onUnreadable).not.toHaveBeenCalled();
});

test.each([
  '',
  '{"v":1',
  '{"v":2,"links":{"go.example/a":1}}',
  '{"v":1,"links":{"go.example/a":-1}}',
  '{"v":1,"links":{"go.example/a":"many"}}',
  '{"v":1,"links":{"go.example/a":1e999}}',
])('of a file that cannot be used nothing is taken, and it is told of: %s', async (text) => {
  await writeFile(path, text);
  const onUnreadable = vi.fn();
  expect(await readHotLinks(path, onUnreadable)).toEqual(new Map());
  expect(onUnreadable).toHaveBeenCalledOnce();
});
