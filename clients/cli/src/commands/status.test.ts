import { expect, it } from 'vitest';
import { readinessOf } from './status.ts';

it.each(['ready', 'degraded', 'unavailable'])('an installation says that it is %s, and what is not', (status) => {
  expect(readinessOf({ status, degraded: ['kafka'], more: 1 })).toEqual({
    status,
    degraded: ['kafka'],
    unavailable: [],
  });
});

it('nothing that it says is written to the terminal as it is, nor ends the command', () => {
  const body = { status: 'degraded', degraded: ['\u001b[2Jkafka', 7, null], unavailable: 'all' };
  expect(readinessOf(body)).toEqual({
    status: 'degraded',
    degraded: [expect.not.stringContaining('\u001b')],
    unavailable: [],
  });
});

it.each([undefined, null, 'ready', 7, [], {}, { status: 'ok' }, { status: ['ready'] }])(
  '%j is not what it says',
  (body) => {
    expect(readinessOf(body)).toBeUndefined();
  },
);
