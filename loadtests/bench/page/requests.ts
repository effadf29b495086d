// The section of docs/bench.md on what a request costs.
import type { Measurement } from '../measure.ts';
import { type Medians, mediansOf, type Results, type Series } from '../results.ts';
import { variants } from '../variants.ts';
import { circumstances } from './circumstances.ts';
import { ms, percent, table, us } from './table.ts';

/** Parts that cost less than this in every variant have no column. */
const LEAST_US = 0.5;

/** Microseconds of CPU of Envoy and the services, on the reference machine. */
const goals: Readonly<Record<string, number>> = {
  'redirect-l1': 105,
  'redirect-redis': 150,
  'redirect-replica': 260,
  'made-up-code': 95,
  create: 900,
};

type MediansByVariant = Readonly<Record<string, Medians>>;

export function requestSection({ variants: all }: Results, before?: Results): string[] {
  if (Object.keys(all).length === 0) return [];
  const medians = mediansIn(all);
  return [
    '## Requests',
    circumstances(Object.values(all)),
    table(
      ['variant', 'what is asked for'],
      variants.filter(({ name }) => all[name]).map(({ name, about }) => [name, about]),
    ),
    ...capacity(medians['redirect-l1']),
    '### Saturation: requests per second, microseconds of CPU per request',
    'Closed loop. `door` is Envoy and the services, `goal` what it is to be on the reference machine; `mesh` is the sum of all processes while the load ran, clicks and stores with it; `afterwards` what they used per request until they were quiet again. The generator is the same program in each run: where it costs more, the machine is slower.',
    costs(medians),
    '### Latency at half of that rate, in milliseconds',
    'Open loop, from the scheduled time; the generator looks at its clock every 0.1 ms.',
    latencies(medians, all),
    ...(before === undefined ? [] : comparison(medians, before)),
    '### The rounds',
    'Variants run in this order, reversed in every other round. `elsewhere`: CPU that other programs and the kernel used meanwhile, of all there is. `lateness`: how late the generator sent, 99 of 100.',
    roundsOf(Object.values(all).flatMap(({ rounds }) => rounds)),
  ];
}

const mediansIn = (all: Readonly<Record<string, Series>>): MediansByVariant =>
  Object.fromEntries(Object.entries(all).map(([name, { rounds }]) => [name, mediansOf(rounds)]));

function capacity(l1?: Medians): string[] {
  if (l1 === undefined) return [];
  const published = Math.floor(l1.perSecond / 100) * 100;
  return [
    `**Cold capacity: ${published} redirects/s** on this machine, load generator and all the mesh's parts included (saturation of redirect-l1, rounded down). A load "below the published cold capacity" is below ${published}/s.`,
  ];
}

const isDoor = (part: string): boolean => /^(envoy|link|resolver|identity|gateway-access)/.test(part);

/** Envoy and what it asks for an answer: without the stores, and without what counts clicks. */
const doorUs = ({ cpuUs }: Pick<Medians, 'cpuUs'>): number =>
  Object.entries(cpuUs).reduce((sum, [part, value]) => (isDoor(part) ? sum + value : sum), 0);

function costs(medians: MediansByVariant): string {
  const rows = Object.entries(medians);
  const parts = Object.keys(rows[0]?.[1].cpuUs ?? {}).filter(
    (part) => part !== 'all' && rows.some(([, { cpuUs }]) => (cpuUs[part] ?? 0) >= LEAST_US),
  );
  return table(
    ['variant', 'requests/s', 'door', 'goal', 'mesh', ...parts, 'afterwards', 'generator'],
    rows.map(([name, one]) => [
      name,
      one.perSecond.toFixed(0),
      us(doorUs(one)),
      String(goals[name] ?? ''),
      ...[one.cpuUs.all ?? 0, ...parts.map((part) => one.cpuUs[part] ?? 0), one.cpuAfterUs, one.generatorUs].map(us),
    ]),
  );
}

function latencies(medians: MediansByVariant, all: Results['variants']): string {
  const rows = Object.entries(medians).map(([name, { latencyMs }]) => {
    const rates = (all[name] as Series).rounds.map(({ openRate }) => openRate);
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    return [name, mean.toFixed(0), ...[latencyMs.p50, latencyMs.p90, latencyMs.p99].map(ms)];
  });
  return table(['variant', 'offered/s', 'p50', 'p90', 'p99'], rows);
}

function comparison(medians: MediansByVariant, { label, variants: known }: Results): string[] {
  const then = mediansIn(known);
  const rows = Object.entries(medians).flatMap(([name, now]) => {
    const before = then[name];
    if (before === undefined) return [];
    const pair = (figure: (one: Medians) => number, digits: number): string[] => [
      figure(before).toFixed(digits),
      figure(now).toFixed(digits),
      `${((figure(now) / figure(before) - 1) * 100).toFixed(0)} %`,
    ];
    return [
      [
        name,
        ...pair(doorUs, 1),
        ...pair((one) => one.generatorUs, 1),
        ...pair((one) => doorUs(one) / one.generatorUs, 1),
      ],
    ];
  });
  const titles = [
    'door us before',
    'now',
    '',
    'generator us before',
    'now',
    '',
    'door over generator before',
    'now',
    '',
  ];
  return [
    `### Compared with "${label}"`,
    circumstances(Object.values(known)),
    'The last three columns take out how fast the machine was: what Envoy and the services use while the generator uses a microsecond.',
    table(['variant', ...titles], rows),
  ];
}

/** Each measurement, the first of a variant as round 1. */
export function roundsOf(measured: readonly Measurement[]): string {
  const counts = new Map<string, number>();
  const row = (round: Measurement): string[] => {
    const number = (counts.get(round.variant) ?? 0) + 1;
    counts.set(round.variant, number);
    const medians = mediansOf([round]);
    const { all: mesh = 0, envoy = 0 } = medians.cpuUs;
    const figures = [round.perSecond.toFixed(0), us(mesh), us(envoy), us(medians.generatorUs)];
    const { p50, p90, p99 } = round.latencyMs;
    const shares = [percent(round.elsewhereShare), percent(round.stolenShare)];
    return [round.variant, String(number), ...figures, ...[p50, p90, p99, round.latenessMs.p99].map(ms), ...shares];
  };
  const titles = ['variant', 'round', 'requests/s', 'mesh us', 'envoy us', 'generator us'];
  return table([...titles, 'p50 ms', 'p90', 'p99', 'lateness', 'elsewhere', 'stolen'], measured.map(row));
}
