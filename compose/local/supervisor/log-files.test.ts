import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Layout, layoutOf, makeFolders } from '../layout.ts';
import { boundLogs, logFile, tailOf, withLog } from './log-files.ts';

let layout: Layout;

beforeEach(() => {
  layout = layoutOf(mkdtempSync(path.join(tmpdir(), 'hop-logs-')));
  makeFolders(layout);
});

afterEach(() => rmSync(layout.local, { recursive: true }));

test('a log goes on where it was, and is begun anew when it has grown large', () => {
  const write = (text: string): number => withLog(layout, 'link', (fd) => writeSync(fd, text));
  write('one\n');
  write('two\n');
  expect(tailOf(layout, 'link', 5)).toBe('one\ntwo');
  truncateSync(logFile(layout, 'link'), 9 * 1024 * 1024);
  write('three\n');
  expect(tailOf(layout, 'link', 5)).toBe('three');
  expect(statSync(`${logFile(layout, 'link')}.1`).size).toBe(9 * 1024 * 1024);
});

test('the end of a log can be that of what was written since, whatever became of the rest', () => {
  withLog(layout, 'link', (fd) => writeSync(fd, 'of another start\n'));
  const from = withLog(layout, 'link', (fd, begins) => {
    writeSync(fd, 'ö\nof this one\n');
    return begins;
  });
  expect(tailOf(layout, 'link', 5, from)).toBe('ö\nof this one');
  writeFileSync(logFile(layout, 'link'), 'emptied\n');
  expect(tailOf(layout, 'link', 5, from)).toBe('emptied');
});

test('a log that grows without end is emptied, and its writer goes on at the beginning', () => {
  const file = logFile(layout, 'envoy');
  writeFileSync(file, '');
  withLog(layout, 'envoy', (fd) => {
    truncateSync(file, 65 * 1024 * 1024);
    boundLogs(layout);
    writeSync(fd, 'after\n');
  });
  expect(readFileSync(file, 'utf8')).toBe('after\n');
});

test('a log that cannot be copied is emptied all the same, and hinders no other', () => {
  const files = ['envoy', 'link'].map((name) => logFile(layout, name));
  for (const file of files) writeFileSync(file, '');
  for (const file of files) truncateSync(file, 65 * 1024 * 1024);
  for (const file of files) mkdirSync(`${file}.1`);
  boundLogs(layout);
  expect(files.map((file) => statSync(file).size)).toEqual([0, 0]);
});
