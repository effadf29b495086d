import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(path.join(tmpdir(), 'hop-main-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the source, where nothing answers. */
function hop(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
  input = '',
  output: 'pipe' | number = 'pipe',
) {
  const main = path.join(import.meta.dirname, 'main.ts');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=@hopline/source', '--disable-warning=ExperimentalWarning', main, ...args],
    {
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1', HOP_URL: 'http://127.0.0.1:1', HOP_CONFIG_DIR: folder, ...variables },
      input,
      stdio: ['pipe', output, 'pipe'],
    },
  );
  return { status, stdout, stderr };
}

describe('the help', () => {
  it('says of a change what it does, not what a new link would be', () => {
    const [made, changed] = [hop(['help', 'create']).stdout, hop(['help', 'edit']).stdout];
    expect(made).toMatch(/--status <code> +301, 302, 307 or 308; without it 302/);
    expect(changed).toMatch(/--status <code> +301, 302, 307 or 308\n/);
    expect(changed).toMatch(/--tag <tag> +a label in place of all that there are/);
    expect(changed).not.toContain('instead of a generated one');
  });
});

describe('a command line that is wrong', () => {
  it.each([
    ['an address without its scheme', ['ls', '--url', 'hop.example.org'], {}, '"hop.example.org" is no URL'],
    ['an address of another kind', ['ls', '--url', 'ftp://hop.example.org'], {}, 'begins with https:// or http://'],
    ['a key that is none', ['ls'], { HOP_API_KEY: 'hop_ключ' }, 'HOP_API_KEY is no API key'],
    ['a token that is none', ['ls'], { HOP_TOKEN: 'ключ' }, 'HOP_TOKEN is no API key and no token'],
    ['a name for the run that no header carries', ['create', '-', '--key', 'ключ'], {}, 'printable ASCII'],
  ])('says so: %s', (_, args, variables, words) => {
    const { status, stdout, stderr } = hop(args, variables, 'https://example.org\n');
    expect([status, stdout, stderr]).toEqual([2, '', expect.stringContaining(words)]);
  });

  it.each([
    [['ls', '--json', '--bogus'], "unknown option '--bogus'"],
    [['--json', 'ls', '--limit', 'many'], 'A whole number from 1'],
    [['--json'], 'There is no command'],
  ])('is told as JSON where that is asked for: %s', (args, words) => {
    const { status, stderr } = hop(args);
    expect(JSON.parse(stderr)).toEqual({
      error: { reason: 'INVALID_ARGUMENT', message: expect.stringContaining(words), fields: [] },
    });
    expect(status).toBe(2);
  });

  it('is told to people in words, with the help where there is no command', () => {
    expect(hop(['ls', '--bogus']).stderr).toMatch(/^hop: unknown option '--bogus'\n.*`hop help <command>`/);
    expect(hop([])).toMatchObject({ status: 2, stderr: expect.stringContaining('Usage: hop') });
  });
});

it.skipIf(!existsSync('/dev/full'))('a result that cannot be written is told in words', () => {
  const full = openSync('/dev/full', 'w');
  expect(hop(['completion', 'bash'], {}, '', full)).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^hop: ENOSPC: no space left on device[^\n]*\n$/),
  });
});
