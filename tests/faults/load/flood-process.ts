// The process of a flood: told its plan by a message, answers with the result, ends.
import { connect, type Socket } from 'node:net';
import type { FloodPlan, FloodResult, Second } from './flood.ts';
import { quantile } from './ledger.ts';

const goodMs = 1_000;
const patienceMs = 2_000;

type Counts = { -readonly [Key in keyof Second]: number };
interface Line {
  readonly socket: Socket;
  /** When what it carries was due; undefined while it is free. */
  due: number | undefined;
  /** As it stands in the right answer. */
  location: string;
  text: string;
}

process.once('message', (plan) => {
  void run(plan as FloodPlan).then((result) => process.send?.(result, () => process.exit(0)));
});

function run(plan: FloodPlan): Promise<FloodResult> {
  const { port, rate, durationMs, mostConnections } = plan;
  const requests = plan.paths.map((path) => Buffer.from(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`));
  const locations = plan.locations.map((location) => `\r\nlocation: ${location}\r\n`);
  const total = Math.floor((rate * durationMs) / 1_000);
  const start = performance.now();
  const counts = createCounts(start);
  const lines = createLines({ port, most: mostConnections, answered: counts.answered, broken: counts.broken });
  let sent = 0;

  function send(due: number): void {
    counts.count(due, 'due');
    const line = lines.take(due);
    if (!line) {
      counts.count(due, 'unsent');
      return;
    }
    const turn = sent % requests.length;
    line.location = locations[turn] as string;
    line.socket.write(requests[turn] as Buffer);
  }

  const { promise, resolve } = Promise.withResolvers<FloodResult>();
  const giving = setInterval(lines.giveUp, 100);
  const counting = setInterval(counts.countCpu, 100);
  const tick = (): void => {
    const until = Math.min(total, Math.floor(((performance.now() - start) * rate) / 1_000));
    for (; sent < until; sent++) send(start + (sent * 1_000) / rate);
    if (sent < total) setTimeout(tick, 1);
    else
      setTimeout(() => {
        clearInterval(giving);
        clearInterval(counting);
        resolve(counts.result(durationMs));
      }, patienceMs + 500);
  };
  tick();
  return promise;
}

/** What became of the requests, by the second in which each was due. */
function createCounts(start: number) {
  const seconds: Counts[] = [];
  const latencies: number[] = [];
  const shedLatencies: number[] = [];
  let cpu = process.cpuUsage();

  function secondOf(at: number): Counts {
    const index = Math.floor((at - start) / 1_000);
    seconds[index] ??= { due: 0, good: 0, late: 0, wrong: 0, shed: 0, broken: 0, unsent: 0, generatorMs: 0 };
    return seconds[index];
  }

  function count(due: number, what: keyof Second): void {
    secondOf(due)[what]++;
  }

  return {
    count,
    broken: (due: number): void => count(due, 'broken'),
    answered(due: number, head: string, location: string): void {
      const status = head.slice(9, 12);
      const latency = performance.now() - due;
      if (status === '503') shedLatencies.push(latency);
      if (status === '302' && !head.includes(location)) count(due, 'wrong');
      else if (status === '302') {
        if (latency <= goodMs) latencies.push(latency);
        count(due, latency <= goodMs ? 'good' : 'late');
      } else count(due, status === '503' ? 'shed' : 'broken');
    },
    countCpu(): void {
      const { user, system } = process.cpuUsage(cpu);
      cpu = process.cpuUsage();
      secondOf(performance.now()).generatorMs += (user + system) / 1_000;
    },
    result: (durationMs: number): FloodResult => ({
      startedAt: performance.timeOrigin + start,
      // What was answered after the last arrival has no second of its own.
      seconds: seconds.slice(0, Math.ceil(durationMs / 1_000)),
      p99: p99Of(latencies),
      shedP99: p99Of(shedLatencies),
    }),
  };
}

interface LinesOptions {
  readonly port: number;
  readonly most: number;
  readonly answered: (due: number, head: string, location: string) => void;
  readonly broken: (due: number) => void;
}

/** Connections that carry one request at a time, opened when none is free. */
function createLines({ port, most, answered, broken }: LinesOptions) {
  const free: Line[] = [];
  const lines = new Set<Line>();

  function read(line: Line, text: string): void {
    line.text += text;
    const end = line.text.indexOf('\r\n\r\n');
    if (end < 0 || line.due === undefined) return;
    const length = /content-length: (\d+)/.exec(line.text.slice(0, end))?.[1];
    const chunked = length === undefined && line.text.includes('transfer-encoding: chunked');
    if (chunked ? !line.text.endsWith('0\r\n\r\n') : line.text.length < end + 4 + Number(length ?? 0)) return;
    const head = line.text.slice(0, end + 2);
    line.text = '';
    answered(line.due, head, line.location);
    line.due = undefined;
    free.push(line);
  }

  function open(): Line {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const line: Line = { socket, due: undefined, location: '', text: '' };
    lines.add(line);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => read(line, text));
    socket.on('error', () => {});
    socket.on('close', () => {
      lines.delete(line);
      if (line.due !== undefined) broken(line.due);
      line.due = undefined;
    });
    return line;
  }

  function freeLine(): Line | undefined {
    for (;;) {
      const line = free.pop();
      if (line === undefined || !line.socket.destroyed) return line;
    }
  }

  return {
    /** A line for a request that is due then; undefined: there are as many as there may be, and none is free. */
    take(due: number): Line | undefined {
      const line = freeLine() ?? (lines.size < most ? open() : undefined);
      if (line) line.due = due;
      return line;
    },
    giveUp(): void {
      const now = performance.now();
      for (const { due, socket } of lines) if (due !== undefined && now - due > patienceMs) socket.destroy();
    },
  };
}

function p99Of(values: number[]): number {
  return quantile(
    values.sort((one, other) => one - other),
    0.99,
  );
}
