import type { MessageInitShape } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { VirtualHostSchema } from '#gen-envoy/config/route/v3/route_components_pb.ts';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponseSchema,
} from '#gen-envoy/service/discovery/v3/discovery_pb.ts';
import type { HotEntry } from '../entry.ts';
import type { Fleet } from '../fleet.ts';
import type { Notifier } from '../notifier.ts';
import { allEntries, type Snapshot } from '../snapshot.ts';
import { answerTo, type Verdict } from './acknowledgement.ts';

type Response = MessageInitShape<typeof DeltaDiscoveryResponseSchema>;

/** What the stream of an Envoy is served from. */
export interface VirtualHostSource {
  readonly fleet: Fleet;
  /** Undefined until it is known what is hot. */
  newest(): Snapshot | undefined;
  readonly changed: Notifier;
  /** Distinguishes the versions of this process from those of its predecessor. */
  readonly epoch: string;
  /** A snapshot with only these of its entries, and each of its virtual hosts, to find out what Envoy refuses. */
  probe(snapshot: Snapshot, entries: readonly HotEntry[]): Snapshot;
  /** An Envoy refused a snapshot, because of the entry if there is one. */
  refused(why: string, entry: HotEntry | undefined): void;
  /** An Envoy is being sent a snapshot. */
  pushing(): void;
  /** It answered after this long, or is gone. */
  pushed(milliseconds: number, verdict: Verdict): void;
}

/**
 * VHDS for one Envoy. A restart of this process takes nothing from it: an Envoy keeps what it has, from whichever process, until there is
 * something to send. It may not serve that meanwhile, because only versions of this process hold the lease.
 */
export async function* virtualHosts(
  source: VirtualHostSource,
  requests: AsyncIterable<DeltaDiscoveryRequest>,
  { signal }: HandlerContext,
): AsyncGenerator<Response> {
  const inbox = requests[Symbol.asyncIterator]();
  const { value: first, done } = await inbox.next();
  if (done) return;
  const subscriber = source.fleet.join(first.node?.id ?? '');
  const known = new Map<string, string>(Object.entries(first.initialResourceVersions));
  const envoy = conversation(source, inbox, known);
  try {
    // Nothing new, but an Envoy that starts waits for an answer.
    if ((yield* envoy.say([], [])) === 'gone') return;
    let offered: Snapshot | undefined;
    let held: Snapshot | undefined;
    let inVain = 0;
    while (!signal.aborted) {
      const target = source.newest();
      if (target === undefined || target === offered) {
        await source.changed.next(signal);
        continue;
      }
      offered = target;
      const verdict = yield* envoy.offer(target);
      if (verdict === 'gone') return;
      if (verdict === 'acknowledged') {
        held = target;
        inVain = 0;
        subscriber.acknowledged = target.version;
      } else {
        const culprit = yield* findCulprit(source, envoy, held, target);
        if (culprit === 'gone') return;
        source.refused(verdict.refused, culprit);
        inVain = culprit ? 0 : inVain + 1;
      }
      subscriber.settled = target.version;
      source.fleet.changed();
      if (inVain === 0) continue;
      await backOff(source, target, inVain, signal);
      offered = undefined;
    }
  } finally {
    source.fleet.leave(subscriber);
  }
}

interface Conversation {
  say(resources: NonNullable<Response['resources']>, removed: string[]): AsyncGenerator<Response, Verdict>;
  /** Sends what differs from what the Envoy has. */
  offer(snapshot: Snapshot): AsyncGenerator<Response, Verdict>;
}

function conversation(
  source: VirtualHostSource,
  inbox: AsyncIterator<DeltaDiscoveryRequest>,
  known: Map<string, string>,
): Conversation {
  let nonces = 0;

  async function* say(resources: NonNullable<Response['resources']>, removedResources: string[]) {
    const nonce = String(++nonces);
    yield { typeUrl, nonce, systemVersionInfo: source.epoch, resources, removedResources };
    return await answerTo(nonce, inbox);
  }

  async function* offer({ virtualHosts }: Snapshot): AsyncGenerator<Response, Verdict> {
    const start = performance.now();
    const changed = [...virtualHosts.values()].filter(({ name, version }) => known.get(name) !== versionOf(version));
    const removed = [...known.keys()].filter((name) => !virtualHosts.has(name));
    if (changed.length === 0 && removed.length === 0) return 'acknowledged';
    const resources = changed.map((virtualHost) => ({
      name: virtualHost.name,
      version: versionOf(virtualHost.version),
      resource: { typeUrl, value: virtualHost.bytes() },
    }));
    let verdict: Verdict = 'gone';
    source.pushing();
    try {
      verdict = yield* say(resources, removed);
    } finally {
      // Also when it does not answer in time.
      source.pushed(performance.now() - start, verdict);
    }
    if (verdict !== 'acknowledged') return verdict;
    for (const name of removed) known.delete(name);
    for (const { name, version } of resources) known.set(name, version);
    return verdict;
  }

  const versionOf = (version: bigint): string => `${source.epoch}.${version}`;
  return { say, offer };
}

const typeUrl = `type.googleapis.com/${VirtualHostSchema.typeName}`;

/** No entry is to blame: perhaps the routes of the file are, so the pause ends when those change. */
async function backOff(
  source: VirtualHostSource,
  { base }: Snapshot,
  times: number,
  signal: AbortSignal,
): Promise<void> {
  const restMs = Math.min(longestRestMs, firstRestMs * 2 ** (times - 1));
  const over = AbortSignal.any([signal, AbortSignal.timeout(restMs)]);
  while (!over.aborted && source.newest()?.base === base) await source.changed.next(over);
}

const firstRestMs = 2_000;
const longestRestMs = 60_000;

/**
 * Envoy accepts or refuses a snapshot as a whole, and its message does not reliably identify the entry. So it is offered halves of what was
 * new to it, on top of what it has, until one entry is left. First it is offered none of them: if that is refused too, they are not at
 * fault.
 */
async function* findCulprit(
  source: VirtualHostSource,
  envoy: Conversation,
  held: Snapshot | undefined,
  target: Snapshot,
): AsyncGenerator<Response, HotEntry | undefined | 'gone'> {
  const before = new Set(held ? allEntries(held) : []);
  const good = allEntries(target).filter((entry) => before.has(entry));
  let suspects = allEntries(target).filter((entry) => !before.has(entry));
  let half: HotEntry[] = [];
  while (suspects.length > 0) {
    const verdict = yield* envoy.offer(source.probe(target, [...good, ...half]));
    if (verdict === 'gone') return verdict;
    if (verdict === 'acknowledged') {
      good.push(...half);
      suspects = suspects.slice(half.length);
    } else if (half.length <= 1) return half[0];
    else suspects = half;
    half = suspects.slice(0, Math.ceil(suspects.length / 2));
  }
  return undefined;
}
