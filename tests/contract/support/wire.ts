import type { Socket } from 'node:net';

/** What comes in by a socket, as latin1 text: one character, one byte. */
export interface Wire {
  /** Takes the text that the pattern finds at the beginning; waits until it is there. Undefined when the other side closed before. */
  take(pattern: RegExp): Promise<string | undefined>;
  takeBytes(count: number): Promise<string | undefined>;
  /** All that comes before the other side closes. */
  takeAll(): Promise<string>;
  /** The other side has said that it will close. */
  end(): void;
  readonly ended: boolean;
  /** What came that nothing has taken. */
  readonly rest: string;
}

const patienceMs = 8_000;

export function createWire(socket: Socket): Wire {
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

  /** Takes as many characters as are found; waits while nothing is. */
  async function takeFound(lengthOf: () => number | undefined): Promise<string | undefined> {
    for (;;) {
      const length = lengthOf();
      if (length !== undefined) {
        const text = received.slice(0, length);
        received = received.slice(length);
        return text;
      }
      if (ended) return undefined;
      await more();
    }
  }

  return {
    take: (pattern) => takeFound(() => pattern.exec(received)?.[0].length),
    takeBytes: (count) => takeFound(() => (received.length < count ? undefined : count)),
    takeAll: async () => (await takeFound(() => (ended ? received.length : undefined))) ?? '',
    end,
    get ended() {
      return ended;
    },
    get rest() {
      return received;
    },
  };
}
