// What a proxy in front of Kafka has to know of its protocol: which bytes are the answer to a produce request.
import type { Way } from './proxy.ts';

/** Every request and answer begins with its length; a request goes on with what it is, an answer with whose it is. */
const lengthBytes = 4;
const produce = 0;

interface Direction {
  /** Bytes of the message in hand that are still to come. */
  left: number;
  /** The beginning of a message of which more is needed. */
  rest: Buffer;
}

export interface ProduceAnswers {
  /** Told of every piece of every connection, in order; true for one in which the answer to a produce request begins. */
  begins(piece: Buffer, way: Way): boolean;
}

export function produceAnswers(): ProduceAnswers {
  const directions = new Map<string, Direction>();
  const pending = new Map<number, Set<number>>();
  return {
    begins(piece, { connection, from }) {
      const asked = pending.get(connection) ?? new Set<number>();
      pending.set(connection, asked);
      const key = `${connection} ${from}`;
      const direction = directions.get(key) ?? { left: 0, rest: Buffer.alloc(0) };
      directions.set(key, direction);
      let found = false;
      for (const head of heads(direction, piece, from === 'client' ? 8 : 4)) {
        if (from === 'server') found = asked.delete(head.readInt32BE(0)) || found;
        else if (head.readInt16BE(0) === produce) asked.add(head.readInt32BE(4));
      }
      return found;
    },
  };
}

/** The first bytes, behind the length, of each message that begins in this piece. */
function* heads(direction: Direction, piece: Buffer, size: number): Generator<Buffer> {
  let bytes = Buffer.concat([direction.rest, piece]);
  direction.rest = Buffer.alloc(0);
  for (;;) {
    const skipped = Math.min(direction.left, bytes.length);
    direction.left -= skipped;
    bytes = bytes.subarray(skipped);
    if (bytes.length < lengthBytes + size) break;
    direction.left = lengthBytes + bytes.readInt32BE(0);
    yield bytes.subarray(lengthBytes, lengthBytes + size);
  }
  direction.rest = Buffer.from(bytes);
}
