import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLog } from './log.ts';

describe('createLog', () => {
  it('tells of an error its name, message, code and cause, and nothing that a driver adds', () => {
    const lines: string[] = [];
    const log = createLog({ instance: 'link', logLevel: 'info' }, { write: (line) => void lines.push(line) });
    const cause = Object.assign(new Error('inner'), { detail: 'Key (email)=(a@b.c) exists' });
    log.warn(
      { err: Object.assign(new Error('outer', { cause }), { code: '23505', detail: 'a@b.c', parameters: ['a@b.c'] }) },
      'x',
    );
    log.debug('not shown');
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain('a@b.c');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'warn',
      instance: 'link',
      msg: 'x',
      err: { name: 'Error', message: 'outer', code: '23505', cause: { message: 'inner' } },
    });
  });
});

describe('the log on standard output', () => {
  /** Ten lines in as many turns of the event loop, then `end`; says on standard error how often was written before it. */
  const program = (end: string): string => `
    import fs from 'node:fs';
    import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
    import { createLog } from ${JSON.stringify(path.join(import.meta.dirname, 'log.ts'))};
    let writes = 0;
    const { write } = fs;
    fs.write = (...all) => (writes++, write(...all));
    const log = createLog({ instance: 'link', logLevel: 'info' });
    for (let n = 0; n < 10; n++) { log.info({ n }, 'call'); await turn(); }
    ${end}`;
  const run = (end: string) => {
    const args = ['--input-type=module', '--eval', program(end)];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 });
    const told = stdout.split('\n').filter((line) => line !== '');
    return { numbers: told.map((line) => JSON.parse(line).n), stderr, status };
  };
  const ten = Array.from({ length: 10 }, (_, n) => n);

  it('is written for many lines together, a moment later', () => {
    const { numbers, stderr } = run('await sleep(1_000); fs.writeSync(2, String(writes));');
    expect(numbers).toEqual(ten);
    expect(Number(stderr)).toBeLessThan(5);
  });

  it.each(['process.exit(3);', 'log.fatal({ n: 10 }, "x"); process.exit(3);', 'process.exitCode = 3;'])(
    'loses nothing at %s',
    (end) => {
      const { numbers, status } = run(end);
      expect({ numbers: numbers.slice(0, 10), status }).toEqual({ numbers: ten, status: 3 });
      expect(numbers).toHaveLength(end.includes('fatal') ? 11 : 10);
    },
  );
});
