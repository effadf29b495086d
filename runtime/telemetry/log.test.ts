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
