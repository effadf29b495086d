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
  const seconds: Counts[] = [];
  const latencies: number[] = [];
  const shedLatencies: number[] = [];
  const free: Line[] = [];
  const lines = new Set<Line>();
  const total = Math.floor((rate * durationMs) / 1_000);
  const start = performance.now();
  let cpu = process.cpuUsage();
  let sent = 0;

  function count(due: number, what: keyof Second): void {
    secondOf(due)[what]++;
  }

  function secondOf(at: number): Counts {
    const index = Math.floor((at - start) / 1_000);
    seconds[index] ??= { due: 0, good: 0, late: 0, wrong: 0, shed: 0, broken: 0, unsent: 0, generatorMs: 0 };
    return seconds[index];
  }

  function countCpu(): void {
    const { user, system } = process.cpuUsage(cpu);
    cpu = process.cpuUsage();
    secondOf(performance.now()).generatorMs += (user + system) / 1_000;
  }

  function answered(line: Line, due: number, head: string): void {
    const status = head.slice(9, 12);
    const latency = performance.now() - due;
    if (status === '503') shedLatencies.push(latency);
    if (status === '302' && !head.includes(line.location)) count(due, 'wrong');
    else if (status === '302') {
      if (latency <= goodMs) latencies.push(latency);
      count(due, latency <= goodMs ? 'good' : 'late');
    } else count(due, status === '503' ? 'shed' : 'broken');
    line.due = undefined;
    free.push(line);
  }

  function take(line: Line, text: string): void {
    line.text += text;
    const end = line.text.indexOf('\r\n\r\n');
    if (end < 0 || line.due === undefined) return;
    const length = /content-length: (\d+)/.exec(line.text.slice(0, end))?.[1];
    const chunked = length === undefined && line.text.includes('transfer-encoding: chunked');
    if (chunked ? !line.text.endsWith('0\r\n\r\n') : line.text.length < end + 4 + Number(length ?? 0)) return;
    const head = line.text.slice(0, end + 2);
    line.text = '';
    answered(line, line.due, head);
  }

  function open(due: number): Line {
    const line: Line = { socket: connect({ port, host: '127.0.0.1', noDelay: true }), due, location: '', text: '' };
    lines.add(line);
    line.socket.setEncoding('latin1');
    line.socket.on('data', (text: string) => take(line, text));
    line.socket.on('error', () => {});
    line.socket.on('close', () => {
      lines.delete(line);
      if (line.due !== undefined) count(line.due, 'broken');
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

  function send(due: number): void {
    count(due, 'due');
    const idle = freeLine();
    if (idle === undefined && lines.size >= mostConnections) {
      count(due, 'unsent');
      return;
    }
    const line = idle ?? open(due);
    const turn = sent % requests.length;
    line.due = due;
    line.location = locations[turn] as string;
    line.socket.write(requests[turn] as Buffer);
  }

  function giveUp(): void {
    const now = performance.now();
    for (const { due, socket } of lines) if (due !== undefined && now - due > patienceMs) socket.destroy();
  }

  function result(): FloodResult {
    const p99 = (some: number[]): number =>
      quantile(
        some.sort((one, other) => one - other),
        0.99,
      );
    // What was answered after the last arrival has no second of its own.
    const all = seconds.slice(0, Math.ceil(durationMs / 1_000));
    return {
      startedAt: performance.timeOrigin + start,
      seconds: all,
      p99: p99(latencies),
      shedP99: p99(shedLatencies),
    };
  }

  const { promise, resolve } = Promise.withResolvers<FloodResult>();
  const giving = setInterval(giveUp, 100);
  const counting = setInterval(countCpu, 100);
  const tick = (): void => {
    const until = Math.min(total, Math.floor(((performance.now() - start) * rate) / 1_000));
    for (; sent < until; sent++) send(start + (sent * 1_000) / rate);
    if (sent < total) setTimeout(tick, 1);
    else
      setTimeout(() => {
        clearInterval(giving);
        clearInterval(counting);
        resolve(result());
      }, patienceMs + 500);
  };
  tick();
  return promise;
}
