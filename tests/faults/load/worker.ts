// The thread that sends a load.
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { type Dispatcher, errors, Pool } from 'undici';
import { planArrivals } from './arrivals.ts';
import { type Kind, kinds, noStatus } from './ledger.ts';
import type { LoadPlan, Outcome, Target } from './load.ts';
import { type PlannedRequest, requestMaker } from './requests.ts';

const mostComplaints = 50;
const plan = workerData as LoadPlan;
const { maxInFlight = 512, connections = 64, timeoutMs = 5_000 } = plan;
const arrivals = planArrivals(plan.rates, plan.durationMs, plan.seed);
const total = arrivals.at.length;
const columns = {
  at: new Float64Array(total),
  kind: arrivals.kind,
  link: new Int32Array(total).fill(-1),
  status: new Int16Array(total).fill(noStatus.broken),
  latency: new Float32Array(total),
  flags: new Uint8Array(total),
};
const created: Target[] = [];
const complaints: string[] = [];
const nextRequest = requestMaker(plan);
const doors = [plan.url, ...(plan.otherUrls ?? [])].map(
  (url) => new Pool(url, { connections, pipelining: 1, headersTimeout: timeoutMs, bodyTimeout: timeoutMs }),
);
let inFlight = 0;
let stopped = false;
parentPort?.on('message', () => {
  stopped = true;
});

const now = (): number => performance.timeOrigin + performance.now();

async function send(index: number): Promise<void> {
  const kind = kinds[arrivals.kind[index] as number] as Kind;
  const request = nextRequest(kind, index);
  columns.link[index] = request.link;
  if (inFlight >= maxInFlight) settle(index, request, noStatus.overBound, 'too many are under way');
  else {
    inFlight++;
    await exchange(index, request);
    inFlight--;
  }
  columns.latency[index] = now() - (columns.at[index] as number);
}

async function exchange(index: number, request: PlannedRequest): Promise<void> {
  const { method, path, headers, body = null } = request;
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await ask(index, { method, path, headers: { ...headers, host: 'localhost' }, body, signal });
    const text = await answer.body.text();
    const location = answer.headers.location;
    const { status, location: destination = location } = request.expect;
    const right = answer.statusCode === status && location === destination;
    columns.flags[index] = (right ? 1 : 0) | (answer.headers['retry-after'] === undefined ? 0 : 2);
    columns.status[index] = answer.statusCode;
    if (!right) complain(index, request, `${answer.statusCode} ${location ?? ''} ${text.slice(0, 300)}`);
    else if (request.made) created.push(request.made(text));
  } catch (error) {
    const late = error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError;
    const aborted = error instanceof Error && error.name === 'TimeoutError';
    settle(index, request, late || aborted ? noStatus.timedOut : noStatus.broken, String(error));
  }
}

/** At the door whose turn it is; where nobody listens, nothing was asked, and the next one is taken. */
async function ask(turn: number, request: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData> {
  for (let tried = 1; ; tried++) {
    const door = doors[(turn + tried) % doors.length] as Pool;
    try {
      return await door.request(request);
    } catch (error) {
      const refused = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
      if (!refused || tried >= doors.length) throw error;
    }
  }
}

function settle(index: number, request: PlannedRequest, status: number, why: string): void {
  columns.status[index] = status;
  complain(index, request, why);
}

function complain(index: number, { method, path }: PlannedRequest, why: string): void {
  if (complaints.length < mostComplaints)
    complaints.push(`${new Date(columns.at[index] as number).toISOString()} ${method} ${path}: ${why}`);
}

const startedAt = now();
for (const [index, at] of arrivals.at.entries()) columns.at[index] = startedAt + at;
parentPort?.postMessage({ startedAt });
const under = new Set<Promise<void>>();
let sent = 0;
while (sent < total && !stopped) {
  const at = now();
  while (sent < total && (columns.at[sent] as number) <= at) {
    const one: Promise<void> = send(sent++).finally(() => under.delete(one));
    under.add(one);
  }
  const wait = (columns.at[sent] ?? at) - now();
  await (wait > 1 ? sleep(wait - 1) : setImmediate());
}
await Promise.all(under);
await Promise.all(doors.map((door) => door.destroy()));
const outcome: Outcome = {
  columns: Object.fromEntries(
    Object.entries(columns).map(([name, column]) => [name, column.subarray(0, sent)]),
  ) as unknown as Outcome['columns'],
  created,
  complaints,
};
parentPort?.postMessage(outcome);
parentPort?.close();
