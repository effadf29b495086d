/** What the health service of one process said: whether it takes calls, and which of its dependencies do not answer. */
export interface Report {
  readonly isServing: boolean;
  readonly brokenDependencies: readonly string[];
}

/** A part of the mesh that can be asked. Rejects when it does not answer in time. */
export interface Part {
  /** For example "resolver-1". */
  readonly name: string;
  /** Redirects need one of these. */
  readonly isResolver: boolean;
  ask(): Promise<Report>;
}

/** The body of GET /readyz. */
interface Readiness {
  readonly status: 'ready' | 'degraded' | 'unavailable';
  readonly degraded: readonly string[];
}

export type ReadReadiness = () => Promise<Readiness>;

interface ReadinessOptions {
  /** Everything that a working installation needs of the mesh, but Envoy, which asked, and this process. */
  readonly find: () => Promise<readonly Part[]>;
  /** Within it the same answer is given again; callers that come together share one round. */
  readonly keptMs?: number;
  /** Milliseconds of a clock that only runs forward. */
  readonly now?: () => number;
}

/** Asks every part at once. Redirects work while one resolver serves; the rest is degraded, and named. */
export function createReadiness({
  find,
  keptMs = 500,
  now = () => performance.now(),
}: ReadinessOptions): ReadReadiness {
  let kept: { readonly answer: Promise<Readiness>; readonly until: number } | undefined;

  return () => {
    if (!kept || kept.until <= now()) kept = { answer: readAll(find), until: now() + keptMs };
    return kept.answer;
  };
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
