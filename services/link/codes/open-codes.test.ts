import { describe, expect, it } from 'vitest';
import { internal, unavailable } from '#runtime/errors/errors.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { openCodes } from './open-codes.ts';

const away = unavailable('DEPENDENCY_UNAVAILABLE', 'The database does not answer.', 1_000);

/** Fails with these errors, one after another, then opens. */
function codesFailing(...errors: readonly Error[]) {
  const left = [...errors];
  const codes = {
    opened: 0,
    async open() {
      codes.opened++;
      const error = left.shift();
      if (error) throw error;
    },
  };
  return codes;
}

describe('opening the code space', () => {
  it('is tried again while the database is away', async () => {
    const codes = codesFailing(away, away);
    await openCodes(codes, { log: silentLog, everyMs: 1 });
    expect(codes.opened).toBe(3);
  });

  it('fails when the database is away for too long', async () => {
    const codes = codesFailing(...Array.from({ length: 1_000 }, () => away));
    await expect(openCodes(codes, { log: silentLog, everyMs: 1, patienceMs: 20 })).rejects.toBe(away);
  });

  it('fails at once where waiting does not help', async () => {
    const error = internal(new Error('no such table'));
    const codes = codesFailing(error);
    await expect(openCodes(codes, { log: silentLog })).rejects.toBe(error);
    expect(codes.opened).toBe(1);
  });
});
