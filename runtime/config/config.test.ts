import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import {
  address,
  addresses,
  bool,
  ConfigError,
  defineConfig,
  duration,
  file,
  int,
  list,
  loadConfig,
  needing,
  oneOf,
  optional,
  secretText,
  secretUrl,
  text,
  url,
} from './config.ts';

const readable = join(temporaryDirectory(), 'key.pem');
writeFileSync(readable, 'x');

describe('loadConfig', () => {
  it('reads every kind of variable', () => {
    const spec = defineConfig({
      size: int('HOP_SIZE', { min: 1, max: 9 }),
      wait: duration('HOP_WAIT', { default: 250 }),
      name: text('HOP_NAME'),
      level: oneOf('HOP_LEVEL', ['info', 'debug'], { default: 'info' }),
      on: bool('HOP_ON'),
      hosts: list('HOP_HOSTS'),
      none: list('HOP_NONE', { default: [] }),
      public: url('HOP_URL'),
      at: address('HOP_AT'),
      six: address('HOP_SIX'),
      others: addresses('HOP_OTHERS'),
      key: file('HOP_KEY'),
      maybe: optional(int('HOP_MAYBE')),
    });
    expect(
      loadConfig(spec, {
        HOP_SIZE: '9',
        HOP_NAME: ' a ',
        HOP_ON: 'true',
        HOP_HOSTS: 'a, b,',
        HOP_URL: 'http://localhost:8080',
        HOP_AT: '127.0.0.1:7001',
        HOP_SIX: '[::1]:7001',
        HOP_OTHERS: 'a:1,b:2',
        HOP_KEY: readable,
        HOP_MAYBE: '',
      }),
    ).toEqual({
      size: 9,
      wait: 250,
      name: 'a',
      level: 'info',
      on: true,
      hosts: ['a', 'b'],
      none: [],
      public: 'http://localhost:8080',
      at: { host: '127.0.0.1', port: 7001 },
      six: { host: '::1', port: 7001 },
      others: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      key: readable,
      maybe: undefined,
    });
  });

  it('names every fault at once, and no secret', () => {
    const spec = defineConfig({
      size: int('HOP_SIZE', { min: 1, max: 9 }),
      word: int('HOP_WORD'),
      missing: text('HOP_MISSING'),
      hosts: list('HOP_HOSTS'),
      on: bool('HOP_ON'),
      at: address('HOP_AT'),
      key: file('HOP_KEY'),
      database: secretUrl('HOP_DATABASE'),
      password: secretText('HOP_PASSWORD'),
    });
    const environment = {
      HOP_SIZE: '10',
      HOP_WORD: '1e3',
      HOP_HOSTS: ' , ',
      HOP_ON: 'yes',
      HOP_AT: 'localhost',
      HOP_KEY: '/does/not/exist',
      HOP_DATABASE: 'hunter2',
      HOP_PASSWORD: 'short',
    };
    let problems: readonly string[] = [];
    try {
      loadConfig(spec, environment);
    } catch (error) {
      problems = error instanceof ConfigError ? error.problems : [];
    }
    expect(problems).toEqual([
      'HOP_SIZE "10" is out of range: expected a whole number from 1 to 9.',
      `HOP_WORD "1e3" is not a whole number: expected a whole number from 0 to ${Number.MAX_SAFE_INTEGER}.`,
      'HOP_MISSING is not set: expected text.',
      'HOP_HOSTS "," has no entry: expected a comma-separated list.',
      'HOP_ON "yes" is neither: expected true or false.',
      'HOP_AT "localhost" is not host:port: expected host:port.',
      'HOP_KEY "/does/not/exist" is not a file: expected the path of a readable file.',
      'HOP_DATABASE is not a URL: expected an absolute URL.',
      'HOP_PASSWORD is too short: expected a secret of at least 8 characters.',
    ]);
  });

  it('names a variable that says nothing without another', () => {
    const spec = defineConfig({
      on: bool('HOP_ON', { default: false }),
      user: needing('HOP_KEY', optional(text('HOP_USER'))),
      key: needing('HOP_USER', optional(file('HOP_KEY'))),
      size: needing('HOP_ON=true', int('HOP_SIZE', { default: 1 })),
    });
    const good = { HOP_USER: 'a', HOP_KEY: readable, HOP_ON: 'true', HOP_SIZE: '2' };
    expect(loadConfig(spec, good)).toEqual({ on: true, user: 'a', key: readable, size: 2 });
    expect(loadConfig(spec, { HOP_USER: ' ' })).toEqual({ on: false, user: undefined, key: undefined, size: 1 });
    const halves = { HOP_USER: 'a', HOP_SIZE: '2', HOP_ON: 'false' };
    expect(() => loadConfig(spec, halves)).toThrow(/HOP_USER needs HOP_KEY\.\n {2}HOP_SIZE needs HOP_ON=true\./);
  });

  it('refuses one variable under two keys', () => {
    expect(() => defineConfig({ a: text('HOP_A'), b: text('HOP_A') })).toThrow('HOP_A is declared twice');
  });
});
