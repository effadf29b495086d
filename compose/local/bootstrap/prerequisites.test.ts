import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { temporaryDirectory } from '#runtime/testing/temporary-directory.ts';
import { checkout } from './checkout.mjs';
import { explain, faults, findJava, inspect, type Machine } from './prerequisites.mjs';

const good: Machine = {
  platform: 'linux',
  arch: 'x64',
  nodeVersion: '20.19.0',
  glibc: '2.31',
  macos: undefined,
  packageManager: 'apt',
  installing: true,
  python: { command: 'python3', version: '3.11', venv: true },
  java: { command: 'java', version: '17.0.15' },
  maven: '3.6.3',
};

/** Stands in for what is installed on a machine. */
const dir = temporaryDirectory();
afterEach(() => void vi.unstubAllEnvs());

test('the least machine that will do has no faults', () => {
  expect(faults(good)).toEqual([]);
  expect(faults({ ...good, platform: 'darwin', arch: 'arm64', glibc: undefined, macos: '15.0' })).toEqual([]);
});

test('this machine has none', () => {
  expect(faults(inspect({ installing: true }))).toEqual([]);
});

test('no document runs TypeScript on the least Node, which knows none', () => {
  const documents = globSync('{*,docs/**/*,*/*,*/*/*}.md', { cwd: checkout, exclude: ['node_modules', '.local'] });
  expect(documents).toContain(path.join('deploy', 'README.md'));
  const wrong = documents.flatMap((file) => {
    const commands = readFileSync(path.join(checkout, file), 'utf8').match(/.{0,30}\bnode (-\S+ )*\S+\.ts\b/g) ?? [];
    // What is executed in a container has the image's Node.
    return commands
      .filter((command) => !/prepare\.mjs | (exec|run --rm) /.test(command))
      .map((command) => `${file}: ${command}`);
  });
  expect(wrong).toEqual([]);
});

test('everything missing is named in one message, with how to get it', () => {
  const bare = { ...good, nodeVersion: '18.20.1', python: undefined, java: undefined, maven: undefined };
  const message = explain(faults(bare));
  expect(message).toContain('4 things are missing');
  for (const part of [
    'Node 20.19',
    'found Node 18.20.1',
    'apt-get install python3 python3-venv',
    'openjdk-21',
    'apt-get install maven',
  ])
    expect(message).toContain(part);
});

test('the way to get it is the one of the machine', () => {
  expect(explain(faults({ ...good, java: undefined, packageManager: 'brew' }))).toContain('brew install openjdk@21');
  expect(explain(faults({ ...good, java: undefined, packageManager: 'none' }))).toContain('install a Java runtime');
});

test.each([
  ['3.10', true, 'found Python 3.10.', 'apt-get install python3.11 python3.11-venv'],
  ['3.10', false, 'found Python 3.10 without venv.', 'apt-get install python3.11 python3.11-venv'],
  ['3.12', false, 'found Python 3.12 without venv.', 'apt-get install python3.12 python3.12-venv'],
])('Python %s (venv: %s) is told as it is, with the packages that help', (version, venv, found, how) => {
  const message = explain(faults({ ...good, python: { command: 'python3', version, venv } }));
  expect(message).toContain(found);
  expect(message).toContain(how);
});

test('a Java that Homebrew installed is found, and preferred to one in PATH that is too old', () => {
  const place = (file: string, version: string): void => {
    mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
    writeFileSync(path.join(dir, file), `#!/bin/sh\necho 'openjdk version "${version}"' >&2\n`, { mode: 0o755 });
  };
  vi.stubEnv('JAVA_HOME', undefined);
  vi.stubEnv('HOMEBREW_PREFIX', path.join(dir, 'brew'));
  vi.stubEnv('PATH', path.join(dir, 'bin'));
  expect(findJava()).toBeUndefined();
  place('bin/java', '1.8.0_292');
  expect(findJava()).toEqual({ command: 'java', version: '1.8.0_292' });
  const command = 'brew/opt/openjdk@17/bin/java';
  place(command, '17.0.15');
  expect(findJava()).toEqual({ command: path.join(dir, command), version: '17.0.15' });
});

test.each([
  [{ glibc: '2.28' }, 'glibc 2.28'],
  [{ glibc: undefined }, 'without glibc'],
  [{ arch: 'ia32' }, 'linux ia32'],
  [{ platform: 'win32' }, 'win32 x64'],
  [{ platform: 'darwin', arch: 'x64' }, 'darwin x64'],
  [{ platform: 'darwin', arch: 'arm64', macos: '14.6.1' }, 'macOS 14.6.1'],
  [{ java: { command: 'java', version: '11.0.2' } }, 'Java 11.0.2'],
  [{ java: { command: 'java', version: '1.8.0_292' } }, 'Java 1.8.0_292'],
  [{ maven: '3.6.0' }, 'Maven 3.6.0'],
])('%o is refused as "%s"', (change, found) => {
  expect(explain(faults({ ...good, ...change }))).toContain(found);
});

test('a warm start asks neither for Python nor for Maven', () => {
  expect(faults({ ...good, installing: false, python: undefined, maven: undefined })).toEqual([]);
});

test('a Node that is too old is told so, although it lacks what ours has', () => {
  const old = `
    import { registerHooks } from 'node:module';
    Object.defineProperty(process.versions, 'node', { value: '18.20.8' });
    const asKnown = (source) => String(source).replaceAll('import.meta.dirname', 'undefined');
    registerHooks({
      load(url, context, next) {
        const module = next(url, context);
        return url.startsWith('file:') ? { ...module, source: asKnown(module.source) } : module;
      },
    });`;
  const before = `data:text/javascript,${encodeURIComponent(old)}`;
  const start = path.join(import.meta.dirname, '../start.mjs');
  const { status, stderr } = spawnSync(process.execPath, ['--import', before, start], { encoding: 'utf8' });
  expect(stderr).toContain('Node 20.19 or newer: found Node 18.20.8.');
  expect(status).toBe(1);
});
