import { type CachedAnswerOptions, cachedAnswer } from '../cached-answer.ts';

/** What one process's health service reported: whether it accepts calls, and which of its dependencies do not answer. */
export interface Report {
  readonly isServing: boolean;
  readonly brokenDependencies: readonly string[];
}

/** A part of the mesh whose health can be checked. Rejects when it does not answer in time. */
export interface Part {
  /** For example "resolver-1". */
  readonly name: string;
  /** Redirects need at least one of these. */
  readonly isResolver: boolean;
  ask(): Promise<Report>;
}

/** The body of GET /readyz. */
interface Readiness {
  readonly status: 'ready' | 'degraded' | 'unavailable';
  readonly degraded: readonly string[];
}

export type ReadReadiness = () => Promise<Readiness>;

interface ReadinessOptions extends Partial<CachedAnswerOptions> {
  /** Everything that a working installation needs, except Envoy, which asked, and this process. */
  readonly find: () => Promise<readonly Part[]>;
}

/**
 * Counted from when the parts were asked. So long that Envoy, which gives this process and then a resolver 500 ms each, finds the answer when it
 * comes back (envoy/limits.ts).
 */
const defaultMaxAgeMs = 1_200;

/** Asks every part at once. Redirects work while one resolver serves; any other failure means degraded, and is named. */
export function createReadiness({ find, maxAgeMs = defaultMaxAgeMs, now }: ReadinessOptions): ReadReadiness {
  return cachedAnswer(() => readAll(find), { maxAgeMs, now });
}

async function readAll(find: ReadinessOptions['find']): Promise<Readiness> {
  const parts = await find();
  const degraded: string[] = [];
  let canRedirect = false;
  const reports = await Promise.all(parts.map((part) => part.ask().catch(() => undefined)));
  parts.forEach(({ name, isResolver }, index) => {
    const report = reports[index];
    if (report?.isServing) canRedirect ||= isResolver;
    else degraded.push(name);
    for (const dependency of report?.brokenDependencies ?? []) degraded.push(`${name}/${dependency}`);
  });
  if (!canRedirect) return { status: 'unavailable', degraded };
  return { status: degraded.length === 0 ? 'ready' : 'degraded', degraded };
}
