// One measurement of one variant: warm up, closed loop at saturation with CPU, open loop at half of that for latency.
import { setTimeout as sleep } from 'node:timers/promises';
import { type CpuSnapshot, type CpuUse, cpuBetween, readCpu } from './cpu.ts';
import type { Generator } from './generator/generator-process.ts';
import type { Job, LoadResult, Quantiles } from './generator/job.ts';
import type { Subject } from './subject.ts';
import type { Variant } from './variants.ts';

export interface Measurement {
  readonly variant: string;
  readonly requests: number;
  readonly perSecond: number;
  /** Microseconds of CPU per request while the load ran, by part. */
  readonly cpuUs: Readonly<Record<string, number>>;
  /** Microseconds of CPU per request after it had ended, until the mesh was quiet: clicks that were still to be counted. */
  readonly cpuAfterUs: Readonly<Record<string, number>>;
  /** Of all CPU time while the load ran: shares that other programs used, and that the machine did not have. */
  readonly elsewhereShare: number;
  readonly stolenShare: number;
  readonly openRate: number;
  readonly openRequests: number;
  /** From the scheduled time. */
  readonly latencyMs: Quantiles;
  readonly latenessMs: Quantiles;
  /** The resolvers' own count of the closed loop, by tier. */
  readonly tiers: Readonly<Record<string, number>>;
}

export interface Bench {
  readonly subject: Subject;
  readonly generator: Generator;
  readonly seconds: number;
  readonly cores: number;
  readonly say: (line: string) => void;
}

/** Processes compile what they do often: what a request costs falls by half in the first 20 s of load after a start. */
const WARM_SECONDS = { first: 20, later: 5 } as const;
const MOST_REQUESTS = 1_000_000;
/** Up to this share of one core the mesh counts as quiet. */
const QUIET_SHARE = 0.12;
const QUIET_LOOK_MS = 500;
const QUIET_LOOKS = 40;
/** The resolvers' counts are told to the metric now and then. */
const TALLY_MS = 1_200;
const TIER_SHARE = 0.99;
const MESSAGE_LENGTH = 300;

/** What was measured so far is told after each measurement: a run that fails later has not been for nothing. */
export async function measureRounds(
  bench: Bench,
  variants: readonly Variant[],
  rounds: number,
  told: (all: readonly Measurement[]) => void = () => {},
): Promise<Measurement[]> {
  const all: Measurement[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      try {
        await warmUp(bench, variant, round === 0 ? WARM_SECONDS.first : WARM_SECONDS.later);
        all.push(await measure(bench, variant));
        bench.say(summary(round, all.at(-1) as Measurement));
      } catch (error) {
        // A round that measured something else is left out, and the others count.
        bench.say(`${round + 1} ${variant.name}: not measured. ${(error as Error).message.slice(0, MESSAGE_LENGTH)}`);
      }
      told(all);
    }
  }
  const missing = variants.filter(({ name }) => !all.some(({ variant }) => variant === name));
  if (missing.length > 0) throw new Error(`Never measured: ${missing.map(({ name }) => name).join(', ')}.`);
  return all;
}

function summary(round: number, { variant, perSecond, cpuUs, latencyMs }: Measurement): string {
  const costs = Object.entries(cpuUs).filter(([, us]) => us >= 1);
  const cpu = costs.map(([part, us]) => `${part} ${us.toFixed(1)}`).join(', ');
  return `${round + 1} ${variant}: ${perSecond.toFixed(0)}/s; us: ${cpu}; p99 ${latencyMs.p99.toFixed(2)} ms`;
}

/** Answers may be wrong while it warms up: what is busy with compiling sheds. */
export async function warmUp(bench: Bench, variant: Variant, seconds: number): Promise<void> {
  await load(bench, variant, { seconds }, 'count');
  await settle(bench);
}

async function measure(bench: Bench, variant: Variant): Promise<Measurement> {
  const { subject, cores } = bench;
  const tiersBefore = await subject.counters.tiers();
  const before = snapshot(bench);
  const closed = await load(bench, variant, { seconds: bench.seconds });
  const atEnd = snapshot(bench);
  await settle(bench);
  const during = cpuBetween(before, atEnd);
  const after = cpuBetween(atEnd, snapshot(bench));
  const tiers = difference(tiersBefore, await subject.counters.tiers());
  checkTier(variant, tiers, closed.answers);
  const perSecond = closed.answers / closed.seconds;
  const openRate = perSecond / 2;
  const open = await load(bench, variant, { seconds: bench.seconds, rate: openRate });
  await settle(bench);
  const machineUs = closed.seconds * cores * 1e6;
  return {
    variant: variant.name,
    requests: closed.answers,
    perSecond,
    cpuUs: perRequest(during, closed.answers),
    cpuAfterUs: perRequest(after, closed.answers),
    elsewhereShare: during.elsewhere / machineUs,
    stolenShare: during.stolen / machineUs,
    openRate,
    openRequests: open.answers,
    latencyMs: open.latencyMs,
    latenessMs: open.latenessMs as Quantiles,
    tiers,
  };
}

/** A load whose every answer was right and of which Envoy counted exactly as many requests as the generator. */
async function load(
  { subject, generator }: Bench,
  variant: Variant,
  pace: Pick<Job, 'seconds' | 'rate'>,
  wrongAnswers: 'fail' | 'count' = 'fail',
): Promise<LoadResult> {
  await variant.before?.(subject);
  const { values, expect } = variant.load(subject);
  const { host, port } = subject;
  const counted = await subject.counters.envoyRequests();
  const requests = variant.once ? values.length : MOST_REQUESTS;
  const request = variant.request(subject);
  const { connections } = variant;
  const job = { host, port, connections, request, values, expect, requests, ...pace };
  const result = await generator.run(job, wrongAnswers);
  const seen = (await subject.counters.envoyRequests()) - counted;
  if (seen !== result.answers)
    throw new Error(`${variant.name}: the generator had ${result.answers} answers, Envoy ${seen} requests.`);
  return result;
}

function snapshot({ subject, generator }: Bench): CpuSnapshot {
  return readCpu(new Map([...subject.pids, ['generator', generator.pid]]));
}

/** Waits until clicks are counted and caches written: until the mesh uses next to no CPU. */
async function settle(bench: Bench): Promise<void> {
  let last = snapshot(bench);
  for (let look = 0; look < QUIET_LOOKS; look++) {
    await sleep(QUIET_LOOK_MS);
    const next = snapshot(bench);
    const { parts } = cpuBetween(last, next);
    const usedUs = Object.values(parts).reduce((sum, us) => sum + us, 0);
    if (usedUs < QUIET_SHARE * QUIET_LOOK_MS * 1_000) break;
    last = next;
  }
  await sleep(TALLY_MS);
}

function checkTier({ name, tier }: Variant, tiers: Record<string, number>, answers: number): void {
  if (tier === undefined) return;
  const asked = Object.values(tiers).reduce((sum, count) => sum + count, 0);
  // What Envoy answers by itself no resolver hears of.
  const share = (tier === 'edge' ? answers - asked : (tiers[tier] ?? 0)) / answers;
  if (share < TIER_SHARE)
    throw new Error(`${name}: ${tier} gave ${(share * 100).toFixed(1)} % of the answers: ${JSON.stringify(tiers)}`);
}

function difference(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  const entries = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(entries.filter(([, count]) => count > 0));
}

function perRequest({ parts }: CpuUse, requests: number): Record<string, number> {
  return Object.fromEntries(Object.entries(parts).map(([part, us]) => [part, us / requests]));
}
