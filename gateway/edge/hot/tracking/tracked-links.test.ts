import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LinkChange, LinkChangeSchema, type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { HotEntry } from '../entry.ts';
import { nameOf } from '../link-name.ts';
import { createTrackedLinks } from './tracked-links.ts';

const domain = 'go.example';
const now = 1_800_000_000_000;

function recordOf(code: string, version: bigint, more: MessageInitShape<typeof LinkRecordSchema> = {}): LinkRecord {
  return create(LinkRecordSchema, {
    id: '018f0000-0000-7000-8000-000000000001',
    workspaceId: '018f0000-0000-7000-8000-0000000000aa',
    domain,
    code,
    version,
    destination: `https://destination.example/${version}`,
    redirectStatus: 302,
    ...more,
  });
}

const changeOf = (record: LinkRecord, previousCode = ''): LinkChange =>
  create(LinkChangeSchema, { record, previousCode });

/** A primary in memory whose answers wait until the test lets them go, the set that comes of it, and an Envoy that takes it when it is told. */
function setUp(room = 1e6) {
  const primary = new Map<string, LinkRecord>();
  const set = new Map<string, HotEntry>();
  const envoy = new Map<string, HotEntry>();
  /** By name: the version of the set without which Envoy may not answer for it. */
  const withheld = new Map<string, bigint>();
  let setVersion = 0n;
  let acknowledgedVersion: bigint | undefined;
  const questions: { answer(): Promise<void>; fail(): Promise<void> }[] = [];
  let corrected = 0;
  let calls = 0;
  let clock = now;
  const tracked = createTrackedLinks({
    hotSet: {
      put(entries) {
        setVersion++;
        for (const entry of entries) if (set.delete(nameOf(entry)) || set.size < room) set.set(nameOf(entry), entry);
        return entries.filter((entry) => set.get(nameOf(entry)) !== entry);
      },
      remove(keys) {
        setVersion++;
        for (const key of keys) set.delete(nameOf(key));
      },
      status: () => ({
        ...{ entries: set.size, bytes: 0, version: setVersion, acknowledgedVersion },
        ...{ connected: 1, nacks: 0, refused: 0, pushes: 0, slowestPushMs: 0 },
      }),
    },
    lookup: (keys: readonly LinkKey[]) => {
      const found = keys.flatMap((key) => primary.get(nameOf(key)) ?? []);
      return new Promise((resolve, reject) => {
        const turn = () => new Promise<void>((done) => setImmediate(done));
        questions.push({
          answer() {
            resolve(found);
            return turn();
          },
          fail() {
            reject(new Error('lost'));
            return turn();
          },
        });
      });
    },
    onUnread: () => {
      calls++;
    },
    onCorrection: (links) => {
      corrected += links.length;
      for (const link of links) withheld.set(nameOf(link), setVersion);
    },
    wallClock: () => clock,
  });
  const key = (code: string): LinkKey => ({ domain, code });
  return {
    tracked,
    primary,
    set,
    questions,
    key,
    /** Envoy has what there is now. */
    push() {
      envoy.clear();
      for (const [name, entry] of set) envoy.set(name, entry);
      acknowledgedVersion = setVersion;
      for (const [name, version] of withheld) if (version <= setVersion) withheld.delete(name);
    },
    /** What Envoy answers by itself. */
    served: () => [...envoy].filter(([name]) => !withheld.has(name)),
    corrected: () => corrected,
    /** Whether it was called to read since the last time. */
    called() {
      const wasCalled = calls > 0;
      calls = 0;
      return wasCalled;
    },
    advance: (ms: number) => {
      clock += ms;
    },
    store: (record: LinkRecord) => void primary.set(nameOf(record), record),
    /** Wants, reads and answers. */
    async make(...codes: string[]) {
      tracked.track(codes.map(key));
      const read = tracked.read();
      for (let question = questions.shift(); question; question = questions.shift()) await question.answer();
      await read;
    },
    versionOf: (code: string) => set.get(`${domain}/${code}`)?.version,
  };
}

describe('tracked links', () => {
  it('are not read before Watch is heard', async () => {
    const { tracked, store, make, versionOf } = setUp();
    store(recordOf('a', 1n));
    await make('a');
    expect(versionOf('a')).toBeUndefined();
    tracked.heard();
    await make('a');
    expect(versionOf('a')).toBe(1n);
  });

  it('call to be read when they are wanted, when they come into doubt, and after a gap', async () => {
    const { tracked, store, key, make, called } = setUp();
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
    const { tracked, store, make, versionOf, corrected } = setUp();
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
    const { tracked, store, make, versionOf, corrected } = setUp();
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
    const { tracked, store, make, versionOf, corrected, advance } = setUp();
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
    const { tracked, store, key, questions, versionOf } = setUp();
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
    const { tracked, store, make, versionOf } = setUp();
    tracked.heard();
    store(recordOf('a', 7n));
    store(recordOf('b', 8n));
    await make('a', 'b');
    expect(tracked.settled()).toBe(true);
    tracked.gap();
    store(recordOf('a', 5n));
    expect(tracked.settled()).toBe(false);
    tracked.heard();
    expect(tracked.settled()).toBe(false);
    await make();
    expect(tracked.settled()).toBe(true);
    expect([versionOf('a'), versionOf('b')]).toEqual([5n, 8n]);
  });

  it('leave the set with the change that gives them a limit of visits, and never enter it with one', async () => {
    const { tracked, store, make, versionOf, corrected } = setUp();
    tracked.heard();
    store(recordOf('a', 1n));
    store(recordOf('limited', 1n, { maxClicks: 1_000 }));
    await make('a', 'limited');
    expect([versionOf('a'), versionOf('limited')]).toEqual([1n, undefined]);
    tracked.change(changeOf(recordOf('a', 2n, { maxClicks: 1 })));
    expect([versionOf('a'), corrected()]).toEqual([undefined, 1]);
  });

  it('leave the set before they expire', async () => {
    const { tracked, store, make, versionOf, advance, corrected } = setUp();
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
    const { tracked, store, make, push, served, corrected } = setUp();
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
    const { tracked, store, make, push, served, corrected } = setUp();
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
    const { tracked, store, make, push, served, versionOf, corrected } = setUp();
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
    const { tracked, store, make, push, served, advance } = setUp();
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
    const { tracked, store, make, push, corrected } = setUp();
    tracked.heard();
    const codes = Array.from({ length: 10_001 }, (_, index) => `c${index}`);
    for (const code of codes) store(recordOf(code, 1n));
    await make(...codes);
    push();
    tracked.untrack(codes.map((code) => `${domain}/${code}`));
    expect(corrected()).toBe(1);
  });

  it('keep a place for what the set did not take until something is taken out, and never take it for hot', async () => {
    const { tracked, store, make, versionOf, corrected } = setUp(2);
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

  it('are asked for again after a question was lost, 250 at a time', async () => {
    const { tracked, store, key, questions, set } = setUp();
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
});

/** What may happen, in any order. */
type Step =
  | { do: 'want' | 'forget' | 'hear' | 'answer' | 'lose'; which: number }
  | { do: 'edit'; which: number; kind: 'edit' | 'disable' | 'delete' | 'rename' }
  | { do: 'gap'; which: number }
  | { do: 'push' };

const which = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('want', 'forget', 'hear', 'answer', 'lose'), which }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('edit'),
      which,
      kind: fc.constantFrom('edit', 'disable', 'delete', 'rename'),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'push' }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('gap'), which }) },
) as fc.Arbitrary<Step>;

/** A primary with a history, a Watch that tells it late, out of order across links and twice, and gaps that swallow some. */
async function play(steps: readonly Step[], room?: number): Promise<void> {
  const { tracked, primary, set, questions, key, push, served, advance } = setUp(room);
  const untold: LinkChange[] = [];
  /** The newest version heard of each name since the last gap. */
  const heard = new Map<string, bigint>();
  /** The newest version of each name, and what that was at the last gap. */
  const committed = new Map<string, bigint>();
  let missed: ReadonlyMap<string, bigint> = new Map();
  let version = 0n;
  let reading: Promise<unknown> = Promise.resolve();

  function commit(record: LinkRecord, previousCode = ''): void {
    primary.set(nameOf(record), record);
    if (previousCode !== '') primary.delete(`${domain}/${previousCode}`);
    for (const name of [nameOf(record), `${domain}/${previousCode}`]) committed.set(name, record.version);
    untold.push(changeOf(record, previousCode));
  }

  function tell(change: LinkChange): void {
    tracked.change(change);
    const record = change.record as LinkRecord;
    for (const name of [nameOf(record), `${domain}/${change.previousCode}`]) {
      if ((heard.get(name) ?? 0n) < record.version) heard.set(name, record.version);
    }
    check();
  }

  function check(): void {
    for (const [name, entry] of set) expect(entry.version).toBeGreaterThanOrEqual(heard.get(name) ?? 0n);
    if (!tracked.settled()) return;
    // Envoy may answer by itself.
    for (const [name, entry] of [...set, ...served()])
      for (const known of [heard, missed]) expect(entry.version).toBeGreaterThanOrEqual(known.get(name) ?? 0n);
  }

  function gap({ which }: Extract<Step, { do: 'gap' }>): void {
    // The others are told all the same.
    untold.splice(0, which);
    heard.clear();
    missed = new Map(committed);
    tracked.gap();
    tracked.heard();
  }

  function edit({ which, kind }: Extract<Step, { do: 'edit' }>): void {
    version++;
    const code = `c${which}`;
    if (kind === 'rename') commit(recordOf(`c${(which + 1) % 4}`, version), code);
    else if (kind === 'disable') commit(recordOf(code, version, { disabled: true }));
    else if (kind === 'delete') commit(recordOf(code, version, { deletedAt: timestampFromMs(now) }));
    else commit(recordOf(code, version));
  }

  async function take(each: Step): Promise<void> {
    if (each.do === 'edit') edit(each);
    else if (each.do === 'gap') gap(each);
    else if (each.do === 'push') push();
    else if (each.do === 'want') tracked.track([key(`c${each.which}`)]);
    else if (each.do === 'forget') tracked.untrack([`${domain}/c${each.which}`]);
    else if (each.do === 'hear') {
      const [change] = untold.splice(each.which % Math.max(1, untold.length), 1);
      if (change) tell(change);
      if (change && each.which === 0) tell(change);
    } else {
      const [question] = questions.splice(each.which % Math.max(1, questions.length), 1);
      await question?.[each.do === 'answer' ? 'answer' : 'fail']();
    }
    tracked.expire();
    reading = Promise.allSettled([reading, tracked.read()]);
    check();
  }

  tracked.heard();
  for (const each of steps) await take(each);
  // In the end everything is told and answered, and the set is what the primary has.
  for (const change of untold.splice(0)) tell(change);
  // Those that were corrected often are not chosen any more.
  advance(60_000);
  tracked.expire();
  for (let round = 0; round < 20; round++) {
    void tracked.read().catch(() => {});
    for (let question = questions.shift(); question; question = questions.shift()) await question.answer();
  }
  expect(tracked.settled()).toBe(true);
  for (const name of tracked.names()) {
    const record = primary.get(name);
    const plain = record && !record.disabled && !record.deletedAt ? record : undefined;
    if (set.has(name) || room === undefined) expect(set.get(name)?.version).toBe(plain?.version);
  }
  for (const name of set.keys()) expect(tracked.has(name)).toBe(true);
}

const steps = fc.array(step, { maxLength: 60, size: 'max' });

it('never hold a version older than a change that was heard, and end as the primary has them', async () => {
  await fc.assert(
    fc.asyncProperty(steps, (each) => play(each)),
    { numRuns: 500 },
  );
  await fc.assert(
    fc.asyncProperty(steps, (each) => play(each, 2)),
    { numRuns: 500 },
  );
});

it('do not take a change for the newest that is told again after a newer one, which was told before the link was wanted', async () => {
  const edit = { do: 'edit', which: 3, kind: 'edit' } as const;
  await play([edit, edit, { do: 'hear', which: 1 }, { do: 'want', which: 3 }]);
});
