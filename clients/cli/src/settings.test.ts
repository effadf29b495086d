import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { settingsIn } from './settings.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'hop-settings-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('a folder that was there keeps its mode; what is made is for its person alone', () => {
  chmodSync(folder, 0o755);
  const settings = settingsIn(folder);
  settings.setUrl('https://hop.example.org');
  settings.keepApiKey('https://hop.example.org', 'hop_key');
  const modeOf = (name: string) => statSync(path.join(folder, name)).mode & 0o777;
  expect(modeOf('.').toString(8)).toBe('755');
  expect(modeOf('config.json').toString(8)).toBe('600');
  expect(modeOf('installations').toString(8)).toBe('700');
  expect(settings.apiKeyOf('https://hop.example.org')).toBe('hop_key');
});

it('says before a session is renewed that it could not be stored, and leaves nothing of the trial', async () => {
  const settings = settingsIn(path.join(folder, 'trial'));
  const url = 'https://hop.example.org';
  const session = { token: 't', refreshToken: 'r', expiresAtMs: 1 };
  await settings.sessionOf(url).write(session);
  await settings.sessionOf(url).check?.();
  expect(await settings.sessionOf(url).read()).toEqual(session);
  expect(readdirSync(path.join(folder, 'trial', 'installations'))).toEqual([`${encodeURIComponent(url)}.json`]);
  writeFileSync(path.join(folder, 'file'), '');
  expect(() => settingsIn(path.join(folder, 'file')).sessionOf(url).check?.()).toThrow('cannot be written (ENOTDIR)');
});
