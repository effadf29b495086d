import { connect, type Socket } from 'node:net';
import { inject } from 'vitest';

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

const patienceMs = 8_000;

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
  let received = '';
  let ended = false;
  let wake = (): void => {};
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    wake();
  });
  const end = (): void => {
    ended = true;
    wake();
  };
  for (const event of ['end', 'close', 'error']) socket.on(event, end);

  const more = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer; so far: ${received.slice(0, 300)}`)), patienceMs);
      wake = () => {
        clearTimeout(timer);
        wake = () => {};
        resolve();
      };
    });

  async function until<T>(read: () => T | undefined): Promise<T | undefined> {
    for (;;) {
      const value = read();
      if (value !== undefined) return value;
      if (ended) return undefined;
      await more();
    }
  }

  async function answer(toHead = false): Promise<WireAnswer | undefined> {
    const head = await until(() => take(/^[\s\S]*?\r\n\r\n/));
    if (head === undefined) return undefined;
    const [first = '', ...lines] = head.trimEnd().split('\r\n');
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0);
    if (status === 100) return answer(toHead);
    const headers = new Map(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const body = toHead || status === 304 || status === 204 ? '' : await bodyOf(headers);
    if (headers.get('connection')?.toLowerCase() === 'close') ended = true;
    return { status, headers, body };
  }

  function take(pattern: RegExp): string | undefined {
    const found = pattern.exec(received)?.[0];
    if (found !== undefined) received = received.slice(found.length);
    return found;
  }

  const bytes = (count: number): Promise<string | undefined> =>
    until(() => {
      if (received.length < count) return undefined;
      const text = received.slice(0, count);
      received = received.slice(count);
      return text;
    });

  async function bodyOf(headers: ReadonlyMap<string, string>): Promise<string> {
    const length = headers.get('content-length');
    if (length !== undefined) return (await bytes(Number(length))) ?? '';
    if (headers.get('transfer-encoding') !== 'chunked')
      return (await until(() => (ended ? received : undefined))) ?? '';
    let body = '';
    for (;;) {
      const line = await until(() => take(/^[^\r\n]*\r\n/));
      const size = Number.parseInt(line ?? '0', 16);
      if (size === 0) {
        await until(() => take(/^(?:[^\r\n]+\r\n)*\r\n/));
        return body;
      }
      body += (await bytes(size)) ?? '';
      await bytes(2);
    }
  }

  return {
    send: (data) => void socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data),
    answer,
    get closed() {
      return ended;
    },
    get rest() {
      return received;
    },
    close: () => void socket.destroy(),
  };
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
