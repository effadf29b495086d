import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, it } from 'vitest';
import { stateOf } from '#runtime/shortlink/link-record.ts';
import { followState, toCachedLink } from './cached-link.ts';
import { testRecord } from './testing/resolver-fixture.ts';

it('is followable, or is not, as the record is: of several reasons the same one counts, to the millisecond', () => {
  const endsAtMs = 1_800_000_000_500;
  const either = [false, true];
  for (const deleted of either)
    for (const disabled of either)
      for (const usedUp of either)
        for (const ends of either) {
          const record = testRecord({
            ...{ disabled, usedUp },
            ...(deleted ? { deletedAt: timestampFromMs(1_700_000_000_000) } : {}),
            ...(ends ? { expiresAt: timestampFromMs(endsAtMs) } : {}),
          });
          for (const nowMs of [endsAtMs - 1, endsAtMs])
            expect(followState(toCachedLink(record), nowMs)).toBe(stateOf(record, nowMs));
        }
});

it('sends a destination that is not ASCII in a header all the same', () => {
  const { location } = toCachedLink(testRecord({ destination: 'https://destination.example/caf\u00e9 \ud800' }));
  expect(location).toBe('https://destination.example/caf%C3%A9%20%EF%BF%BD');
});
