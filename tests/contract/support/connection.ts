import { connect, type Socket } from 'node:net';
import { inject } from 'vitest';
import { createWire, type Wire } from './wire.ts';

/** One answer as it stood on the wire. */
export interface WireAnswer {
  readonly status: number;
  /** Names in lower case; of a repeated header the last. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** One HTTP/1.1 connection, kept alive; bytes go out as they are given. */
export interface Connection {
  send(bytes: string | Buffer): void;
  /** The next answer; undefined when the other side closed instead. A HEAD's answer has no body whatever its headers say. */
  answer(toHead?: boolean): Promise<WireAnswer | undefined>;
  /** True once the other side has closed, or said that it will. */
  readonly closed: boolean;
  /** What came that no answer has taken. */
  readonly rest: string;
  close(): void;
}

/** Opens a connection to the front door. Text is sent as latin1: one character, one byte. */
export async function openConnection(base = inject('meshUrl')): Promise<Connection> {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  socket.setNoDelay(true);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return connectionOn(socket);
}

function connectionOn(socket: Socket): Connection {
  const wire = createWire(socket);
  return {
    send: (data) => void socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data),
    answer: (toHead = false) => readAnswer(wire, toHead),
    get closed() {
      return wire.ended;
    },
    get rest() {
      return wire.rest;
    },
    close: () => void socket.destroy(),
  };
}

async function readAnswer(wire: Wire, toHead: boolean): Promise<WireAnswer | undefined> {
  const head = await wire.take(/^[\s\S]*?\r\n\r\n/);
  if (head === undefined) return undefined;
  const [first = '', ...lines] = head.trimEnd().split('\r\n');
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0);
  if (status === 100) return readAnswer(wire, toHead);
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = toHead || status === 304 || status === 204 ? '' : await readBody(wire, headers);
  if (headers.get('connection')?.toLowerCase() === 'close') wire.end();
  return { status, headers, body };
}

async function readBody(wire: Wire, headers: ReadonlyMap<string, string>): Promise<string> {
  const length = headers.get('content-length');
  if (length !== undefined) return (await wire.takeBytes(Number(length))) ?? '';
  return headers.get('transfer-encoding') === 'chunked' ? readChunks(wire) : wire.takeAll();
}

async function readChunks(wire: Wire): Promise<string> {
  let body = '';
  for (;;) {
    const line = await wire.take(/^[^\r\n]*\r\n/);
    const size = Number.parseInt(line ?? '0', 16);
    if (size === 0) {
      await wire.take(/^(?:[^\r\n]+\r\n)*\r\n/);
      return body;
    }
    body += (await wire.takeBytes(size)) ?? '';
    await wire.takeBytes(2);
  }
}

/** An HTTP/1.1 request with a body of known length. */
export function httpRequest(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string | Buffer,
): Buffer {
  const content = body === undefined ? undefined : typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  const lines = Object.entries({
    host: 'localhost',
    ...headers,
    ...(content === undefined ? {} : { 'content-length': String(content.length) }),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([
    Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'),
    content ?? Buffer.alloc(0),
  ]);
}
