// A connection that costs little: one request in flight, one buffer for what is sent and one for what comes, no objects
// between. It understands only what Envoy answers, and says so when that is something else.
import { connect, type Socket } from 'node:net';
import { type ParsedAnswer, parseAnswer } from './answer.ts';

export interface Connection {
  /** Sends the request with this value; `answered` is called once. Only one at a time. */
  send(value: string): void;
  close(): void;
}

interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** One `{}` where the value goes. */
  readonly request: string;
  readonly valueLength: number;
  /** The text holds the whole answer, and nothing else. */
  readonly answered: (connection: Connection, answer: ParsedAnswer, text: string) => void;
  readonly failed: (error: Error) => void;
}

const RECEIVE_BYTES = 65_536;

/** Resolves when connected. */
export function openConnection(options: ConnectionOptions): Promise<Connection> {
  const { host, port, request, valueLength, answered, failed } = options;
  const slot = request.indexOf('{}');
  if (slot < 0) throw new Error('the request has no place for a value');
  // Not written to again before the answer came, so the kernel has long taken it.
  const outgoing = Buffer.from(request.replace('{}', ' '.repeat(valueLength)), 'latin1');
  const incoming = Buffer.allocUnsafe(RECEIVE_BYTES);
  let received = '';
  let closing = false;
  return new Promise((resolve) => {
    const socket: Socket = connect({ host, port, noDelay: true, onread: { buffer: incoming, callback: take } });
    const connection: Connection = {
      send(value) {
        outgoing.write(value, slot, 'latin1');
        socket.write(outgoing);
      },
      close() {
        closing = true;
        socket.destroy();
      },
    };
    function take(size: number): boolean {
      const text = incoming.toString('latin1', 0, size);
      received = received === '' ? text : received + text;
      try {
        const answer = parseAnswer(received);
        if (answer === undefined) return true;
        if (answer.length !== received.length) throw new Error('more came than one answer');
        const whole = received;
        received = '';
        answered(connection, answer, whole);
      } catch (error) {
        failed(error as Error);
      }
      return true;
    }
    socket.once('connect', () => resolve(connection));
    socket.once('error', failed);
    socket.once('close', () => {
      if (!closing) failed(new Error('the connection was closed'));
    });
  });
}
