// The output of a start in a terminal or a pipe: one line per part, in the order in which they become ready.
import { isPart, shapeOf } from './graph.ts';
import type { MeshEvent, MeshState } from './mesh-state.ts';

export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const NAME_WIDTH = 18;
const CLEAR_LINE = '\r\u001b[2K';

/** Returns a function that takes each new state and prints what is new. */
export function createProgress(screen: Screen): (state: MeshState) => void {
  let seen = 0;
  const live = screen.isTTY === true;
  return (state) => {
    const fresh = state.events.filter((event) => event.sequence > seen);
    seen = state.events.at(-1)?.sequence ?? seen;
    const lines = fresh.map((event) => `${lineOf(event, state)}\n`).join('');
    const waiting = live && state.phase === 'starting' ? waitingFor(state, screen.columns ?? 80) : '';
    if (lines !== '' || live) screen.write(`${live ? CLEAR_LINE : ''}${lines}${waiting}`);
  };
}

function lineOf({ step, kind, text, ms }: MeshEvent, { ports }: MeshState): string {
  const name = step.padEnd(NAME_WIDTH);
  if (kind !== 'ready') return `  ${name} ${text}`;
  const [first] = isPart(step) ? shapeOf(step).ports : [];
  const place = first === undefined ? '' : `:${ports[first]}`;
  return `  ${name} ${`${ms ?? 0}`.padStart(6)} ms  ${[place, text].filter((word) => word !== '').join('  ')}`;
}

function waitingFor({ pending }: MeshState, columns: number): string {
  const text = `  … ${pending.join(', ')}`;
  return text.length >= columns ? `${text.slice(0, columns - 2)}…` : text;
}

/** Printed when the mesh is ready: where it is, and a first call to paste. */
export function greeting({ publicUrl, ports, readyAfterMs, parts, supervisor }: MeshState): string {
  const took = readyAfterMs === undefined ? '' : ` after ${(readyAfterMs / 1000).toFixed(1)} s`;
  const lines = [`Ready${took}, process ${supervisor}.`, ''];
  if (parts.some(({ name }) => name === 'envoy')) lines.push(...addresses(publicUrl, ports), ...firstCall(publicUrl));
  lines.push('More: npm run status, npm run logs -- link, npm stop');
  return `${lines.join('\n')}\n`;
}

function addresses(publicUrl: string, ports: MeshState['ports']): string[] {
  return [
    `  Front door       ${publicUrl}  (REST, gRPC-Web, gRPC)`,
    `  Internal door    127.0.0.1:${ports['envoy-internal']}  (gRPC)`,
    `  Envoy's admin    http://127.0.0.1:${ports['envoy-admin']}`,
    '',
  ];
}

/** Works when pasted as it is, repeatedly: bash or zsh, curl, and nothing else. */
function firstCall(url: string): string[] {
  const json = "-H 'content-type: application/json'";
  const field = (name: string): string => `sed -n 's/.*"${name}": *"\\([^"]*\\)".*/\\1/p'`;
  return [
    'Make an account and a link, and follow it (paste):',
    '',
    `  HOP=${url}`,
    `  TOKEN=$(curl -s $HOP/api/auth/signup ${json} -d "{\\"email\\":\\"me-$RANDOM@example.com\\",\\"password\\":\\"a long password $RANDOM\\"}" | ${field('token')})`,
    `  CODE=$(curl -s $HOP/api/urls ${json} -H "authorization: Bearer $TOKEN" -d '{"original_url":"https://example.com/"}' | ${field('code')})`,
    `  curl -I $HOP/r/$CODE`,
    '',
  ];
}
