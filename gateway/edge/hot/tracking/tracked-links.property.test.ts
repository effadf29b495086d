import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { LinkChange, LinkRecord } from '#gen/link/v1/change_pb.ts';
import { nameOf } from '../link-name.ts';
import { changeOf, domain, now, recordOf, testTracking } from '../testing/test-tracking.ts';

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
  const { tracked, primary, set, questions, key, push, served, advance } = testTracking(room);
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
