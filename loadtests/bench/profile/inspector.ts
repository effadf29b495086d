// Takes a CPU profile of a running Node process: SIGUSR1 opens its inspector on loopback, the rest is the DevTools protocol.
import { setTimeout as sleep } from 'node:timers/promises';
import { addUp, childOf, type Frame, newFrame } from './flame-graph.ts';

const INSPECTOR = 'http://127.0.0.1:9229/json/list';
const SAMPLE_US = 200;
const PATIENCE_MS = 10_000;

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

type Call = <T>(method: string, params?: object) => Promise<T>;

/**
 * Profiles while `work` runs. Idle time is left out: the root's total is CPU time, in microseconds. The profiler is on during
 * `warmUp` as well: code that V8 optimized without it does not tell which functions it has inlined.
 */
export async function profileNode(
  pid: number,
  warmUp: () => Promise<unknown>,
  work: () => Promise<unknown>,
): Promise<Frame> {
  process.kill(pid, 'SIGUSR1');
  const socket = new WebSocket(await inspectorUrl());
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', () => reject(new Error('the inspector refused')), { once: true });
  });
  const call = caller(socket);
  try {
    const { result } = await call<{ result: { value: number } }>('Runtime.evaluate', { expression: 'process.pid' });
    if (result.value !== pid) throw new Error(`The inspector's port belongs to process ${result.value}.`);
    await call('Profiler.enable');
    await call('Profiler.setSamplingInterval', { interval: SAMPLE_US });
    await call('Profiler.start');
    await warmUp();
    await call('Profiler.stop');
    await call('Profiler.start');
    await work();
    const { profile } = await call<{ profile: CpuProfile }>('Profiler.stop');
    return framesOf(profile);
  } finally {
    // Closed from within, so that the port is free for the next process.
    socket.send(JSON.stringify({ id: 0, method: 'Runtime.evaluate', params: closing }));
    await sleep(100);
    socket.close();
  }
}

const closing = { expression: `process.getBuiltinModule('node:inspector').close()` };

async function inspectorUrl(): Promise<string> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(100)) {
    const response = await fetch(INSPECTOR, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
    const list = (await response?.json()) as { webSocketDebuggerUrl: string }[] | undefined;
    if (list?.[0] !== undefined) return list[0].webSocketDebuggerUrl;
  }
  throw new Error('The process did not open its inspector.');
}

function caller(socket: WebSocket): Call {
  let last = 0;
  return (method, params = {}) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      const take = ({ data }: MessageEvent): void => {
        const answer = JSON.parse(String(data));
        if (answer.id !== id) return;
        socket.removeEventListener('message', take);
        if (answer.error === undefined) resolve(answer.result);
        else reject(new Error(`${method}: ${answer.error.message}`));
      };
      socket.addEventListener('message', take);
      socket.send(JSON.stringify({ id, method, params }));
    });
}

export function framesOf({ nodes, samples, timeDeltas }: CpuProfile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const own = new Map<number, number>();
  samples.forEach((id, at) => {
    own.set(id, (own.get(id) ?? 0) + Math.max(0, timeDeltas[at] ?? 0));
  });
  const root = newFrame('all');
  const add = (id: number, parent: Frame): void => {
    const node = byId.get(id);
    if (node === undefined || node.callFrame.functionName === '(idle)') return;
    const { functionName, url, lineNumber } = node.callFrame;
    const frame = childOf(parent, functionName || '(anonymous)', placeOf(url, lineNumber));
    frame.self += own.get(id) ?? 0;
    for (const child of node.children ?? []) add(child, frame);
  };
  for (const child of nodes[0]?.children ?? []) add(child, root);
  addUp(root);
  return root;
}

/** The file below the checkout, so that no page names a machine's folders. */
function placeOf(url: string, line: number): string {
  if (url === '') return '';
  const file = url.replace(`file://${process.cwd()}/`, '');
  return `${file}:${line + 1}`;
}
