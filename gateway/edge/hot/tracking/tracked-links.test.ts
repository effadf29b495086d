import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { LookupLinksResponseSchema } from '#gen/link/v1/link_service_pb.ts';
import { changeOf, domain, now, recordOf, testTracking } from '../testing/test-tracking.ts';

describe('tracked links', () => {
  it('are not read before Watch is heard', async () => {
    const { tracked, store, make, versionOf } = testTracking();
    store(recordOf('a', 1n));
    await make('a');
    expect(versionOf('a')).toBeUndefined();
    tracked.heard();
    await make('a');
    expect(versionOf('a')).toBe(1n);
  });

  it('call to be read when they are wanted, when they come into doubt, and after a gap', async () => {
    const { tracked, store, key, make, called } = testTracking();
    tracked.heard();
    tracked.track([key('a')]);
    expect(called()).toBe(true);
    store(recordOf('a', 1n));
    await make();
    expect([tracked.waiting, called()]).toEqual([0, false]);
    tracked.change(changeOf(recordOf('a', 2n)));
    expect(called()).toBe(false);
    tracked.gap();
    expect(called()).toBe(true);
    tracked.heard();
    await make('none');
    expect(called()).toBe(true);
    tracked.change(changeOf(recordOf('none', 1n)));
    expect([tracked.waiting, called()]).toEqual([1, true]);
  });

  it('are plain links alone, and follow each change', async () => {
    const { tracked, store, make, versionOf, corrected } = testTracking();
    tracked.heard();
    for (const code of ['plain', 'off']) store(recordOf(code, 1n, { disabled: code === 'off' }));
    await make('plain', 'off', 'absent');
    expect([versionOf('plain'), versionOf('off'), versionOf('absent')]).toEqual([1n, undefined, undefined]);
    tracked.change(changeOf(recordOf('plain', 2n)));
    tracked.change(changeOf(recordOf('off', 3n)));
    store(recordOf('absent', 4n));
    tracked.change(changeOf(recordOf('absent', 4n)));
    await make();
    expect([versionOf('plain'), versionOf('off'), versionOf('absent')]).toEqual([2n, 3n, 4n]);
    expect(corrected()).toBe(1);
    tracked.change(changeOf(recordOf('plain', 5n, { deletedAt: timestampFromMs(now) })));
    tracked.change(changeOf(recordOf('other', 6n), 'off'));
    expect([versionOf('plain'), versionOf('off')]).toEqual([undefined, undefined]);
    expect(corrected()).toBe(3);
  });

  it('are told to Envoy with their new version, but are not wrong, where an edit left the answer as it was', async () => {
    const { tracked, store, make, versionOf, corrected } = testTracking();
    tracked.heard();
    const destination = 'https://destination.example/';
    store(recordOf('a', 1n, { destination }));
    await make('a');
    tracked.change(changeOf(recordOf('a', 2n, { destination, title: 'Another', tags: ['new'] })));
    expect([versionOf('a'), corrected()]).toEqual([2n, 0]);
    const expiresAt = timestampFromMs(now + 20_000);
    tracked.change(changeOf(recordOf('a', 3n, { destination, expiresAt })));
    expect([versionOf('a'), corrected()]).toEqual([3n, 0]);
  });

  it('are left out for a minute after the third correction, and may be chosen again after it', async () => {
    const { tracked, store, make, versionOf, corrected, advance } = testTracking();
    tracked.heard();
    store(recordOf('a', 1n));
    await make('a');
    for (const version of [2n, 3n]) tracked.change(changeOf(recordOf('a', version)));
    expect(versionOf('a')).toBe(3n);
    advance(59_000);
    tracked.change(changeOf(recordOf('a', 4n)));
    tracked.change(changeOf(recordOf('a', 5n)));
    expect([versionOf('a'), corrected()]).toEqual([undefined, 3]);
    store(recordOf('a', 5n));
    advance(59_000);
    tracked.expire();
    await make('a');
    expect(versionOf('a')).toBeUndefined();
    advance(1_000);
    tracked.expire();
    expect(tracked.has(`${domain}/a`)).toBe(false);
    await make('a');
    expect([versionOf('a'), corrected()]).toEqual([5n, 3]);
  });

  it('drop an answer that is older than a change, and one to a question of before', async () => {
    const { tracked, store, key, questions, versionOf } = testTracking();
    tracked.heard();
    store(recordOf('a', 1n));
    tracked.track([key('a')]);
    const read = tracked.read();
    store(recordOf('a', 2n, { disabled: true }));
    tracked.change(changeOf(recordOf('a', 2n, { disabled: true })));
    await questions.shift()?.answer();
    expect(versionOf('a')).toBeUndefined();
    await questions.shift()?.answer();
    await read;
    expect(versionOf('a')).toBeUndefined();

    store(recordOf('b', 3n));
    tracked.track([key('b')]);
    const second = tracked.read();
    tracked.untrack([`${domain}/b`]);
    tracked.change(changeOf(recordOf('b', 4n)));
    tracked.track([key('b')]);
    store(recordOf('b', 4n));
    await questions.shift()?.answer();
    expect(versionOf('b')).toBeUndefined();
    await questions.shift()?.answer();
    await second;
    expect(versionOf('b')).toBe(4n);
  });

  it('are all read again after a gap, and believed although their versions went back', async () => {
    const { tracked, store, make, versionOf } = testTracking();
    tracked.heard();
    store(recordOf('a', 7n));
    store(recordOf('b', 8n));
    await make('a', 'b');
    expect(tracked.settled()).toBe(true);
    tracked.gap();
    store(recordOf('a', 5n));
    // What changes until Watch is heard again would be missed.
    await make();
    expect([versionOf('a'), tracked.settled()]).toEqual([7n, false]);
    tracked.heard();
    expect(tracked.settled()).toBe(false);
    await make();
    expect(tracked.settled()).toBe(true);
    expect([versionOf('a'), versionOf('b')]).toEqual([5n, 8n]);
  });

  it('leave the set with the change that gives them a limit of visits, and never enter it with one', async () => {
    const { tracked, store, make, versionOf, corrected } = testTracking();
    tracked.heard();
    store(recordOf('a', 1n));
    store(recordOf('limited', 1n, { maxClicks: 1_000 }));
    await make('a', 'limited');
    expect([versionOf('a'), versionOf('limited')]).toEqual([1n, undefined]);
    tracked.change(changeOf(recordOf('a', 2n, { maxClicks: 1 })));
    expect([versionOf('a'), corrected()]).toEqual([undefined, 1]);
  });

  it('leave the set before they expire', async () => {
    const { tracked, store, make, versionOf, advance, corrected } = testTracking();
    tracked.heard();
    store(recordOf('soon', 1n, { expiresAt: timestampFromMs(now + 14_000) }));
    store(recordOf('later', 2n, { expiresAt: timestampFromMs(now + 16_000) }));
    await make('soon', 'later');
    expect([versionOf('soon'), versionOf('later')]).toEqual([undefined, 2n]);
    advance(10_999);
    tracked.expire();
    expect(versionOf('later')).toBe(2n);
    advance(1);
    tracked.expire();
    expect(versionOf('later')).toBeUndefined();
    expect(corrected()).toBe(1);
  });

  it('tell of a change to a link that was forgotten, until Envoy is without it', async () => {
    const { tracked, store, make, push, served, corrected } = testTracking();
    const names = () => served().map(([name]) => name.slice(domain.length + 1));
    const codes = ['gone', 'renamed', 'quiet'];
    tracked.heard();
    for (const code of codes) store(recordOf(code, 1n));
    await make(...codes);
    push();
    tracked.untrack(codes.map((code) => `${domain}/${code}`));
    expect([names(), corrected()]).toEqual([codes, 0]);
    tracked.change(changeOf(recordOf('gone', 1n)));
    expect(names()).toEqual(codes);
    tracked.change(changeOf(recordOf('gone', 2n, { disabled: true })));
    expect(names()).toEqual(['renamed', 'quiet']);
    tracked.change(changeOf(recordOf('other', 3n), 'renamed'));
    expect([names(), corrected()]).toEqual([['quiet'], 2]);
    push();
    tracked.expire();
    tracked.change(changeOf(recordOf('quiet', 4n)));
    expect(corrected()).toBe(2);
  });

  it('tell of no change to a link that was forgotten where its answer stays, but of one after it and of its end', async () => {
    const { tracked, store, make, push, served, corrected } = testTracking();
    const names = () => served().map(([name]) => name.slice(domain.length + 1));
    const destination = 'https://destination.example/';
    tracked.heard();
    for (const code of ['edited', 'ends']) store(recordOf(code, 1n, { destination }));
    await make('edited', 'ends');
    push();
    tracked.untrack(['edited', 'ends'].map((code) => `${domain}/${code}`));
    tracked.change(changeOf(recordOf('edited', 3n, { destination, title: 'Another' })));
    tracked.change(changeOf(recordOf('edited', 2n)));
    expect([names(), corrected()]).toEqual([['edited', 'ends'], 0]);
    tracked.change(changeOf(recordOf('ends', 4n, { destination, expiresAt: timestampFromMs(now + 20_000) })));
    expect(names()).toEqual(['edited']);
    tracked.change(changeOf(recordOf('edited', 5n)));
    expect([names(), corrected()]).toEqual([[], 2]);
  });

  it('tell of a link that was forgotten and is wanted again, if it is another by now', async () => {
    const { tracked, store, make, push, served, versionOf, corrected } = testTracking();
    tracked.heard();
    for (const code of ['same', 'other']) store(recordOf(code, 1n));
    await make('same', 'other');
    push();
    tracked.untrack(['same', 'other'].map((code) => `${domain}/${code}`));
    store(recordOf('other', 2n));
    await make('same', 'other');
    expect([versionOf('same'), versionOf('other'), corrected()]).toEqual([1n, 2n, 1]);
    expect(served().map(([name]) => name)).toEqual([`${domain}/same`]);
    tracked.change(changeOf(recordOf('same', 3n)));
    expect(served()).toEqual([]);
  });

  it('tell of those that were forgotten when changes may have been missed, or when they expire', async () => {
    const { tracked, store, make, push, served, advance } = testTracking();
    const codes = ['before', 'after', 'soon'];
    tracked.heard();
    for (const code of codes)
      store(recordOf(code, 1n, code === 'soon' ? { expiresAt: timestampFromMs(now + 16_000) } : {}));
    await make(...codes);
    push();
    tracked.untrack([`${domain}/soon`]);
    advance(11_000);
    tracked.expire();
    expect(served().map(([name]) => name)).toEqual([`${domain}/before`, `${domain}/after`]);
    tracked.untrack([`${domain}/before`]);
    tracked.gap();
    tracked.untrack([`${domain}/after`]);
    tracked.heard();
    expect([tracked.settled(), served()]).toEqual([true, []]);
  });

  it('remember no more than 10,000 that Envoy may have, and tell of the others', async () => {
    const { tracked, store, make, push, corrected } = testTracking();
    tracked.heard();
    const codes = Array.from({ length: 10_001 }, (_, index) => `c${index}`);
    for (const code of codes) store(recordOf(code, 1n));
    await make(...codes);
    push();
    tracked.untrack(codes.map((code) => `${domain}/${code}`));
    expect(corrected()).toBe(1);
  });

  it('keep a place for what the set did not take until something is taken out, and never take it for hot', async () => {
    const { tracked, store, make, versionOf, corrected } = testTracking(2);
    tracked.heard();
    for (const code of ['a', 'b', 'c']) store(recordOf(code, 1n));
    await make('a', 'b', 'c');
    tracked.expire();
    expect([versionOf('c'), tracked.size]).toEqual([undefined, 3]);
    tracked.untrack([`${domain}/a`]);
    tracked.expire();
    expect([tracked.has(`${domain}/c`), tracked.size]).toEqual([false, 1]);
    await make('c');
    expect([versionOf('c'), corrected()]).toEqual([1n, 0]);
    tracked.untrack([`${domain}/b`]);
    tracked.expire();
    expect(tracked.has(`${domain}/c`)).toBe(true);
  });

  it('are asked for again after a question was lost, 200 at a time', async () => {
    const { tracked, store, key, questions, set } = testTracking();
    tracked.heard();
    const codes = Array.from({ length: 600 }, (_, index) => `c${index}`);
    for (const [index, code] of codes.entries()) store(recordOf(code, BigInt(index + 1)));
    tracked.track(codes.map(key));
    const read = tracked.read().catch(() => 'lost');
    expect(questions).toHaveLength(2);
    await questions.shift()?.fail();
    expect(await read).toBe('lost');
    await questions.shift()?.answer();
    await questions.shift()?.answer();
    const again = tracked.read();
    for (let question = questions.shift(); question; question = questions.shift()) await question.answer();
    await again;
    expect(set.size).toBe(600);
  });

  it('are read so many at a time that the largest records fit into an answer of 4 MiB', async () => {
    const { tracked, key, questions } = testTracking();
    tracked.heard();
    tracked.track(Array.from({ length: 1_000 }, (_, index) => key(`c${index}`)));
    const read = tracked.read().catch(() => {});
    const letter = '\u{1d49c}';
    const at = timestampFromMs(now + 1);
    const largest = recordOf(letter.repeat(64), 2n ** 62n, {
      ...{ domain: 'd'.repeat(253), createdBy: '018f0000-0000-7000-8000-0000000000aa' },
      ...{ destination: 'https://destination.example/'.padEnd(8_192, 'x'), title: letter.repeat(256) },
      ...{ tags: Array.from({ length: 32 }, () => letter.repeat(64)), maxClicks: 1_000_000 },
      ...{ createdAt: at, updatedAt: at, expiresAt: at, deletedAt: at, disabled: true, usedUp: true },
    });
    const records = questions[0]?.keys.map(() => largest) ?? [];
    expect(records.length).toBeGreaterThan(0);
    const answer = toBinary(LookupLinksResponseSchema, create(LookupLinksResponseSchema, { records }));
    expect(answer.length).toBeLessThan(4 * 1_024 * 1_024);
    for (const question of questions) void question.fail();
    await read;
  });
});
