import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampNow } from '@bufbuild/protobuf/wkt';
import type { ProcessStatus } from '#gen/status/v1/process_status_pb.ts';
import type { MeshStatusSchema } from '#gen/status/v1/status_service_pb.ts';
import { type CachedAnswerOptions, cachedAnswer } from '../cached-answer.ts';

type MeshStatusInit = Exclude<MessageInitShape<typeof MeshStatusSchema>, { readonly $typeName: string }>;

/** A process whose status can be requested. */
export interface Process {
  /** Its name until it has reported one. */
  readonly name: string;
  readonly kind: Kind;
  /** Rejects when it does not answer in time. */
  ask(): Promise<ProcessStatus>;
}

/** In the order of display. */
export const kinds = ['gateway-edge', 'gateway-access', 'resolver', 'link', 'identity', 'analytics'] as const;
export type Kind = (typeof kinds)[number];

export type ReadMeshStatus = () => Promise<MeshStatusInit>;

interface MeshStatusOptions extends Partial<CachedAnswerOptions> {
  /** Finds all present processes. */
  readonly find: () => Promise<readonly Process[]>;
}

interface Report {
  readonly name: string;
  readonly kind: Kind;
  readonly status: ProcessStatus | undefined;
}

/** The fastest first. */
const tiers = ['edge', 'l1', 'redis', 'replica', 'primary', 'filter', 'none'] as const;
const mostProcesses = 256;
const byPlace = new Intl.Collator('en', { numeric: true });

/** Asks every process at once, at most once in `maxAgeMs`, for any number of callers. */
export function createMeshStatus({ find, maxAgeMs = 1_000, now }: MeshStatusOptions): ReadMeshStatus {
  return cachedAnswer(() => readAll(find), { maxAgeMs, now });
}

async function readAll(find: MeshStatusOptions['find']): Promise<MeshStatusInit> {
  const at = timestampNow();
  const found = await find();
  const asked = found.slice(0, mostProcesses);
  const reports = await Promise.all(asked.map(reportOf));
  const degraded = [...new Set(reports.flatMap(troublesOf))].sort(byPlace.compare);
  const canRedirect = reports.some(({ kind, status }) => kind === 'resolver' && status);
  return {
    at,
    state: stateOf(canRedirect, degraded),
    degraded,
    tiers: sharesOf(reports),
    processes: reports
      .map(({ name, kind, status }) => ({ name, kind, answers: status !== undefined, ...(status && { status }) }))
      .sort(
        (one, other) => kinds.indexOf(one.kind) - kinds.indexOf(other.kind) || byPlace.compare(one.name, other.name),
      ),
    unlistedProcesses: found.length - asked.length,
  };
}

async function reportOf({ name, kind, ask }: Process): Promise<Report> {
  const status = await ask().catch(() => undefined);
  return { name: status?.instance ?? name, kind, status };
}

function troublesOf({ name, status }: Report): string[] {
  if (!status) return [name];
  const down = status.dependencies.filter(({ up }) => !up);
  const open = status.breakers.filter(({ state }) => state !== 'closed');
  return [...down, ...open].map((part) => `${name}/${part.name}`);
}

function stateOf(canRedirect: boolean, degraded: readonly string[]): string {
  if (!canRedirect) return 'unavailable';
  return degraded.length === 0 ? 'ready' : 'degraded';
}

function sharesOf(reports: readonly Report[]): NonNullable<MeshStatusInit['tiers']> {
  const counts = reports.flatMap(({ status }) => status?.tiers ?? []);
  const totals = tiers.map((tier) => {
    const own = counts.filter((count) => count.tier === tier);
    const sum = (of: 'answers' | 'answersPerSecond'): number => own.reduce((total, count) => total + count[of], 0);
    return { tier, answers: sum('answers'), answersPerSecond: sum('answersPerSecond') };
  });
  const all = totals.reduce((total, { answersPerSecond }) => total + answersPerSecond, 0);
  return totals.map((one) => ({ ...one, share: all > 0 ? one.answersPerSecond / all : 0 }));
}
