import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { commandOf } from '../supervisor/processes.ts';
import { type PortName, type Ports, portNames, portVariable } from './ports.ts';

const LISTENING = '0A';
const COMMAND_SHOWN = 200;

/** Thrown with one line per taken port: the part that needs it, the process that has it, and the variable that moves the part. */
export class PortsTakenError extends Error {
  override name = 'PortsTakenError';
}

/** Resolves when every named port is free; throws PortsTakenError naming the owners otherwise. */
export async function requireFree(ports: Ports, wanted: readonly PortName[] = portNames): Promise<void> {
  const taken: PortName[] = [];
  for (const name of wanted) if (!(await isFree(ports[name]))) taken.push(name);
  if (taken.length === 0) return;
  const lines = taken.map((name) => {
    const variable = name === 'envoy' ? 'HOP_HTTP_PORT' : portVariable(name);
    return `  - ${ports[name]} (${name}) is held by ${describeOwner(ports[name])}; move this part with ${variable}`;
  });
  const heading = `${taken.length === 1 ? 'A port is' : `${taken.length} ports are`} taken:`;
  throw new PortsTakenError(`${heading}\n${lines.join('\n')}\nHOP_PORT_OFFSET=10000 moves all of them.`);
}

/** Whether a TCP port can be listened on, on loopback and on all addresses. `localhost` may lead to ::1 first. */
async function isFree(port: number): Promise<boolean> {
  for (const host of ['127.0.0.1', '0.0.0.0', '::1']) if (!(await canListen(port, host))) return false;
  return true;
}

/** On a machine without IPv6 nobody else can listen on it either. */
const withoutIpv6 = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', ({ code }: NodeJS.ErrnoException) => resolve(withoutIpv6.has(code ?? '')));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The process that listens on a port, for people: `process 4711 (nginx: master process)`. */
function describeOwner(port: number): string {
  const pid = ownerFromProc(port) ?? ownerFromLsof(port);
  if (pid === undefined) return "another user's process (run `lsof -i` as root to see it)";
  return `process ${pid} (${commandOf(pid).slice(0, COMMAND_SHOWN)})`;
}

function ownerFromProc(port: number): number | undefined {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningInodes(table, port)));
  if (inodes.size === 0) return undefined;
  const sockets = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  return listDir('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => listDir(`/proc/${pid}/fd`).some((fd) => sockets.has(linkTarget(`/proc/${pid}/fd/${fd}`))));
}

/** Rows of /proc/net/tcp are `sl local rem st … inode`, the local address ending in the port in hexadecimal. */
function listeningInodes(table: string, port: number): string[] {
  let text: string;
  try {
    text = readFileSync(table, 'utf8');
  } catch {
    return [];
  }
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = text.split('\n').slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((row) => row[1]?.endsWith(suffix) && row[3] === LISTENING)
    .flatMap((row) => row[9] ?? []);
}

function ownerFromLsof(port: number): number | undefined {
  try {
    const args = ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-t'];
    const text = execFileSync('lsof', args, { encoding: 'utf8', timeout: 5_000, stdio: ['ignore', 'pipe', 'ignore'] });
    return Number(text.split('\n')[0]) || undefined;
  } catch {
    return undefined;
  }
}

function listDir(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function linkTarget(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
