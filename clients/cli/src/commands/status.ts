import { HoplineError, type MeshStatus, MeshStatusSchema, timestampDate } from '@hopline/client';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { jsonLine } from '../output/json.ts';
import { bars } from '../output/pictures.ts';
import { table } from '../output/table.ts';
import { ageText } from '../output/times.ts';
import type { Run } from '../run.ts';
import { harmless, type Terminal } from '../terminal.ts';

export function statusCommand(parent: Command, run: Run): void {
  parent
    .command('status')
    .summary('how the installation is doing')
    .description('Shows operators the state of the mesh, and others whether it is ready. Exits with 7 when it is not.')
    .action(run(status));
}

type Process = MeshStatus['processes'][number];
type KafkaConsumer = NonNullable<NonNullable<Process['status']>['kafkaConsumer']>;

/** Those who may not see everything get the public view. */
const publicReasons: ReadonlySet<string> = new Set([
  'OPERATOR_ONLY',
  'SCOPE_MISSING',
  'ROLE_MISSING',
  'CREDENTIALS_MISSING',
  'CREDENTIALS_INVALID',
  'CREDENTIALS_EXPIRED',
]);

async function status(context: Context): Promise<number> {
  const { hop, terminal, signal } = context;
  try {
    const mesh = await hop.status.getMeshStatus({}, { signal });
    if (terminal.json) terminal.out(jsonLine(MeshStatusSchema, mesh));
    else for (const line of meshLines(mesh, terminal)) terminal.out(line);
    return codeOf(mesh.state);
  } catch (error) {
    if (!(error instanceof HoplineError) || !publicReasons.has(error.reason)) throw error;
    return await readiness(context);
  }
}

const codeOf = (state: string) => (state === 'unavailable' ? exitCodes.unavailable : exitCodes.ok);

/** The response of `/readyz`. */
interface Readiness {
  readonly status: string;
  readonly degraded: readonly string[];
  readonly unavailable: readonly string[];
}

const states: readonly unknown[] = ['ready', 'degraded', 'unavailable'];

/** What a body says; undefined: it is not that of an installation. A proxy or the page of a network may answer in its own words. */
export function readinessOf(body: unknown): Readiness | undefined {
  if (typeof body !== 'object' || body === null || !('status' in body) || !states.includes(body.status))
    return undefined;
  const { status, degraded, unavailable } = body as Readonly<Record<string, unknown>>;
  const names = (list: unknown): string[] =>
    Array.isArray(list) ? list.filter((name) => typeof name === 'string').map(harmless) : [];
  return { status: String(status), degraded: names(degraded), unavailable: names(unavailable) };
}

async function readiness({ url, terminal, signal }: Context): Promise<number> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(5_000)]);
  const answer = await fetch(`${url}/readyz`, { signal: limit, headers: { accept: 'application/json' } }).catch(
    () => {},
  );
  const said = readinessOf(await answer?.json().catch(() => undefined));
  if (answer?.ok && !said) throw new Error(`What answers at ${url} is no installation of Hopline.`);
  const found: Readiness = said ?? { status: 'unavailable', degraded: [], unavailable: [] };
  if (terminal.json) terminal.out(JSON.stringify(found));
  else {
    terminal.out(stateLine(found.status, [...found.degraded, ...found.unavailable], terminal));
    terminal.note('Operators of the installation see more.');
  }
  return answer?.ok ? exitCodes.ok : exitCodes.unavailable;
}

function stateLine(state: string, faults: readonly string[], { paint }: Terminal): string {
  const color = state === 'ready' ? paint.green : state === 'degraded' ? paint.yellow : paint.red;
  return `${color(`● ${state}`)}${faults.length > 0 ? `  ${faults.join(', ')}` : ''}`;
}

function meshLines(mesh: MeshStatus, terminal: Terminal): string[] {
  const { paint } = terminal;
  const width = Number.isFinite(terminal.width) ? terminal.width : 80;
  const lines = [stateLine(mesh.state, mesh.degraded, terminal)];
  const tiers = mesh.tiers.filter(({ answers }) => answers > 0);
  if (tiers.length > 0) {
    const total = tiers.reduce((sum, { answers }) => sum + answers, 0);
    lines.push('', paint.bold('who answers') + paint.dim('  since the start'));
    lines.push(
      ...bars(
        tiers.map(({ tier, answers }) => ({ label: tier, value: answers })),
        total,
        { width, paint: paint.cyan },
      ),
    );
  }
  const nowMs = mesh.at ? timestampDate(mesh.at).getTime() : Date.now();
  const columns = [
    { title: 'PROCESS', text: ({ name }: Process) => name },
    {
      title: 'UP',
      text: (one: Process) => (one.answers ? ageText(one.status?.startedAt, nowMs).replace('now', '<1m') : 'no answer'),
      right: true,
    },
    {
      title: 'MEMORY',
      text: ({ status: own }: Process) => (own ? `${Math.round(own.memoryBytes / 1_048_576)} MiB` : ''),
      right: true,
    },
    {
      title: 'CALLS',
      text: ({ status: own }: Process) => (own ? String(own.callsInFlight) : ''),
      right: true,
      spare: 2,
    },
    { title: 'VERSION', text: ({ status: own }: Process) => own?.version ?? '', spare: 3 },
    { title: 'REMARKS', text: remarksOf, least: 12, paint: paint.yellow },
  ];
  lines.push('', ...table(columns, mesh.processes, { width: terminal.width, head: paint.bold }));
  return lines;
}

/** What is wrong, and what an operator asks first. */
function remarksOf({ status: own }: Process): string {
  if (!own) return '';
  const remarks = [
    ...own.dependencies.filter(({ up }) => !up).map(({ name }) => `${name} is down`),
    ...own.breakers.filter(({ state }) => state !== 'closed').map(({ name, state }) => `breaker ${name} ${state}`),
  ];
  const hot = own.hotSet?.entries ?? 0;
  if (own.lease) remarks.push(own.lease.held ? `lease held, ${hot} hot ${hot === 1 ? 'link' : 'links'}` : 'no lease');
  if (own.kafkaConsumer) remarks.push(...lagOf(own.kafkaConsumer));
  return remarks.join(', ');
}

/** A store that has not answered for this many seconds is worth mentioning. */
const stalledWorthTelling = 2;

/** While the store accepts nothing, nothing more is fetched: the lag is the last known one. */
function lagOf({ lagMessages, stalledSeconds }: KafkaConsumer): string[] {
  const behind = `${lagMessages} messages of clicks to read`;
  if (stalledSeconds > stalledWorthTelling)
    return [`${behind} or more, none stored for ${Math.floor(stalledSeconds)} s`];
  return lagMessages > 0 ? [behind] : [];
}
