// Runs one job: closed loop (each connection asks again when it is answered) or open loop (arrivals fixed ahead).
import { type Connection, openConnection } from './http-client.ts';
import { type Job, type LoadResult, placeOf } from './job.ts';
import { createLedger, type Ledger } from './ledger.ts';

/** How long the open loop sleeps between two looks at the clock: timers of Node know whole milliseconds only. */
const NAP_MS = 0.05;
/** After the end of the load, for the last answers. */
const GRACE_MS = 5_000;
/** An open loop that cannot keep pace ends so long after its time, with what it has not sent. */
const OVERTIME_MS = 1_000;

/** Decides when the next request is sent. */
interface Pacer {
  start(connections: readonly Connection[]): void;
  /** The connection is free again. */
  freed(connection: Connection, now: number): void;
  /** How many were sent, once no more will be. */
  sentInAll(): number | undefined;
}

type Send = (connection: Connection, index: number, dueAt: number) => void;

interface Flight {
  index: number;
  dueAt: number;
}

/** Rejects when a connection fails or answers are missing; wrong answers are only counted. */
export async function runLoad(job: Job): Promise<LoadResult> {
  const { values, rate, seconds, requests } = job;
  const most = rate === undefined ? requests : Math.min(requests, Math.floor(rate * seconds));
  const ledger = createLedger(job, most);
  const flights = new Map<Connection, Flight>();
  const { promise: finished, resolve: finish, reject: failed } = Promise.withResolvers<void>();
  const send: Send = (connection, index, dueAt) => {
    const flight = flights.get(connection) as Flight;
    flight.index = index;
    flight.dueAt = dueAt;
    connection.send(values[placeOf(job, index)] as string);
  };
  const pacer = rate === undefined ? closedLoop(seconds, most, send) : openLoop({ rate, seconds, most, send, ledger });
  const connections = await openAll(job, failed, (connection, answer, text) => {
    const now = performance.now();
    const { index, dueAt } = flights.get(connection) as Flight;
    ledger.take(index, now - dueAt, answer, text);
    pacer.freed(connection, now);
    if (pacer.sentInAll() === ledger.answers) finish();
  });
  for (const connection of connections) flights.set(connection, { index: 0, dueAt: 0 });
  const late = setTimeout(() => failed(new Error('answers are missing')), seconds * 1_000 + GRACE_MS);
  const start = performance.now();
  try {
    pacer.start(connections);
    await finished;
    return ledger.result((performance.now() - start) / 1_000);
  } finally {
    clearTimeout(late);
    for (const connection of connections) connection.close();
  }
}

type OpenOptions = Parameters<typeof openConnection>[0];

function openAll(job: Job, failed: OpenOptions['failed'], answered: OpenOptions['answered']): Promise<Connection[]> {
  const { host, port, request, values, connections } = job;
  const options = { host, port, request, valueLength: values[0]?.length ?? 0, failed, answered };
  return Promise.all(Array.from({ length: connections }, () => openConnection(options)));
}

function closedLoop(seconds: number, most: number, send: Send): Pacer {
  let sent = 0;
  let end = 0;
  const sendNext = (connection: Connection, now: number): void => {
    if (sent < most && now < end) send(connection, sent++, now);
  };
  return {
    start(connections) {
      const now = performance.now();
      end = now + seconds * 1_000;
      for (const connection of connections) sendNext(connection, now);
    },
    freed: sendNext,
    sentInAll: () => (sent >= most || performance.now() >= end ? sent : undefined),
  };
}

interface OpenLoop {
  readonly rate: number;
  readonly seconds: number;
  readonly most: number;
  readonly send: Send;
  readonly ledger: Ledger;
}

function openLoop({ rate, seconds, most, send, ledger }: OpenLoop): Pacer {
  const idle: Connection[] = [];
  let start = 0;
  let sent = 0;
  const isOver = (now: number): boolean => sent >= most || now - start > seconds * 1_000 + OVERTIME_MS;
  /** Sends what is due by now, as far as connections are free; what has to wait is late, and its latency says so. */
  const sendDue = (now: number): void => {
    for (;;) {
      const dueAt = start + (sent / rate) * 1_000;
      if (isOver(now) || dueAt > now) return;
      const connection = idle.pop();
      if (connection === undefined) return;
      ledger.late(sent, now - dueAt);
      send(connection, sent++, dueAt);
    }
  };
  const tick = (): void => {
    const now = performance.now();
    sendDue(now);
    if (isOver(now)) return;
    nap();
    setImmediate(tick);
  };
  return {
    start(connections) {
      idle.push(...connections);
      start = performance.now();
      tick();
    },
    freed(connection, now) {
      idle.push(connection);
      sendDue(now);
    },
    sentInAll: () => (isOver(performance.now()) ? sent : undefined),
  };
}

const cell = new Int32Array(new SharedArrayBuffer(4));
const nap = (): void => void Atomics.wait(cell, 0, 0, NAP_MS);
