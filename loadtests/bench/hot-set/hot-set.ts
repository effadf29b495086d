// The hot set on a mesh of its own: how much it answers, what an answer costs beside a bare one, what the set costs Envoy.
import { type Bench, type Measurement, measureRounds, warmUp } from '../measure.ts';
import { CONNECTIONS, destinationOf, followRequest } from '../requests.ts';
import { findVariant, type Variant } from '../variants.ts';
import { addBareHost, bare } from './bare.ts';
import { type CrowdFigures, followAsCrowd } from './crowd.ts';
import { type PushFigures, pushUnderLoad } from './pushes.ts';

const MEBIBYTE = 1_048_576;
const WARM_SECONDS = 5;

export interface HotSetFigures {
  /** Rows in the table of links. */
  readonly stored: number;
  readonly crowd: CrowdFigures;
  /** In the hot set after the crowd, and by how much Envoy's memory grew meanwhile. */
  readonly entries: number;
  readonly envoyMib: number;
  readonly push: PushFigures;
  /** Of the variants below. */
  readonly rounds: readonly Measurement[];
}

const hot = (links: number): Variant => ({
  name: `hot-${links}`,
  about: `${links} links in turn, answered by Envoy itself`,
  connections: CONNECTIONS.redirects,
  request: followRequest,
  load: ({ codes }) => {
    const values = codes.slice(0, links);
    return { values, expect: { status: 302, locations: values.map((_, at) => destinationOf(at)) } };
  },
  tier: 'edge',
});

export const hotSetVariants: readonly Variant[] = [bare, hot(200), hot(10_000)];

/** What is known so far is told after each measurement. */
export async function measureHotSet(
  bench: Bench,
  rounds: number,
  told: (figures: HotSetFigures) => void,
): Promise<void> {
  const { subject, say } = bench;
  const { counters } = subject;
  await addBareHost(bench, await linkIdOf(bench));
  // All processes warm, and nothing hot but one link.
  await warmUp(bench, bare, WARM_SECONDS);
  await warmUp(bench, findVariant('made-up-code'), WARM_SECONDS);
  const before = await counters.envoyBytes();
  const crowd = await followAsCrowd(bench);
  say(`crowd: ${JSON.stringify(crowd)}`);
  await warmUp(bench, bare, 1);
  const entries = await counters.hotEntries();
  const envoyMib = ((await counters.envoyBytes()) - before) / MEBIBYTE;
  say(`${entries} entries: ${envoyMib.toFixed(1)} MiB`);
  const push = await pushUnderLoad(bench);
  say(`push: ${JSON.stringify(push)}`);
  const stored = subject.codes.length;
  await measureRounds(bench, hotSetVariants, rounds, (all) =>
    told({ ...{ stored, crowd, entries, envoyMib, push }, rounds: all }),
  );
}

async function linkIdOf({ subject: { mesh, apiKey, codes } }: Bench): Promise<string> {
  const headers = { authorization: `Bearer ${apiKey}` };
  const answer = await fetch(`${mesh.url}/api/v1/urls/${codes[0]}`, { headers, signal: AbortSignal.timeout(5_000) });
  const { id } = (await answer.json()) as { id?: string };
  if (id === undefined) throw new Error(`${codes[0]} is not there: ${answer.status}`);
  return id;
}
