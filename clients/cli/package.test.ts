import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import packageJson from './package.json' with { type: 'json' };

const here = import.meta.dirname;
const folder = mkdtempSync(path.join(tmpdir(), 'hop-package-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('works as it is packed, where nothing else is installed', () => {
  execFileSync('npm', ['pack', '--pack-destination', folder], { cwd: here, stdio: 'ignore' });
  execFileSync('tar', ['-xzf', path.join(folder, `hopline-cli-${packageJson.version}.tgz`), '-C', folder]);
  const { status, stderr } = spawnSync(process.execPath, ['package/bin/hop.mjs', 'ls', '--url', 'http://127.0.0.1:1'], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, HOP_CONFIG_DIR: folder, NO_COLOR: '1' },
  });
  expect([status, stderr]).toEqual([7, expect.stringContaining('Nothing answers at http://127.0.0.1:1.')]);
}, 60_000);
