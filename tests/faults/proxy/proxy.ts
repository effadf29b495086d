// A TCP proxy that stands between a process and a part, and can be told to be a bad network.
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * pass: as it comes. delay: each piece is handed on so much later, both ways. hole: connections are taken, nothing comes
 * through and nothing is closed; what was held back goes on when the hole is over. cut: a connection is reset as soon as
 * its answers since then exceed so many bytes. refuse: new connections are reset, open ones go on. sift: the fate of each piece
 * is asked for: it passes, or is kept with all that follows it that way until the connection ends, or the connection is reset.
 */
export type ProxyMode =
  | { readonly kind: 'pass' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'hole' }
  | { readonly kind: 'cut'; readonly afterBytes: number }
  | { readonly kind: 'refuse' }
  | { readonly kind: 'sift'; readonly fate: (piece: Buffer, way: Way) => 'pass' | 'keep' | 'cut' };

/** Which connection a piece is of (they are numbered), and who sent it. */
export interface Way {
  readonly connection: number;
  readonly from: 'client' | 'server';
}

export interface TcpProxy {
  readonly port: number;
  /** How it behaves from now on, on open connections too. */
  set(mode: ProxyMode): void;
  /** Resets all open connections. */
  reset(): void;
  /** How many connections are open. */
  readonly open: number;
  close(): Promise<void>;
}

interface Pair {
  modeChanged(): void;
  end(): void;
}

/** Listens on a free port of 127.0.0.1, and connects each caller to the target port. */
export async function startProxy(targetPort: number): Promise<TcpProxy> {
  let mode: ProxyMode = { kind: 'pass' };
  const pairs = new Set<Pair>();
  let connections = 0;
  const server = createServer({ noDelay: true }, (near) => {
    if (mode.kind === 'refuse') near.resetAndDestroy();
    else {
      const far = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
      const pair = join(near, far, {
        connection: ++connections,
        mode: () => mode,
        ended: () => pairs.delete(pair),
      });
      pairs.add(pair);
    }
  });
  const port = await listening(server);
  const reset = (): void => {
    for (const pair of [...pairs]) pair.end();
  };
  return {
    port,
    set(next) {
      mode = next;
      for (const pair of [...pairs]) pair.modeChanged();
    },
    reset,
    get open() {
      return pairs.size;
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      reset();
      await closed;
    },
  };
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('The proxy has no port.'));
      else resolve(address.port);
    });
  });
}

interface JoinOptions {
  readonly connection: number;
  readonly mode: () => ProxyMode;
  readonly ended: () => void;
}

/** Runs actions in order and never lets one overtake another: at once, or after the delay that the mode has. */
function createDelayLine(mode: () => ProxyMode) {
  const waiting: { readonly due: number; readonly act: () => void }[] = [];
  // One timer for all, for two of them may change places.
  let timer: NodeJS.Timeout | undefined;
  const runDue = (): void => {
    timer = undefined;
    for (let next = waiting[0]; next !== undefined && next.due <= performance.now(); next = waiting[0]) {
      waiting.shift();
      next.act();
    }
    if (waiting[0]) timer = setTimeout(runDue, Math.max(1, waiting[0].due - performance.now()));
  };
  return {
    add(act: () => void): void {
      const at = mode();
      if (at.kind !== 'delay' && waiting.length === 0) {
        act();
        return;
      }
      const ms = at.kind === 'delay' ? at.ms : 0;
      waiting.push({ due: Math.max(waiting.at(-1)?.due ?? 0, performance.now() + ms), act });
      timer ??= setTimeout(runDue, ms);
    },
    clear(): void {
      clearTimeout(timer);
      waiting.length = 0;
    },
  };
}

/** Couples two sockets, so that what happens to one happens to the other, as the mode lets it. */
function join(near: Socket, far: Socket, { connection, mode, ended }: JoinOptions): Pair {
  const line = createDelayLine(mode);
  let answered = 0;
  let broken = false;
  const kept = new Set<Socket>();
  const end = (): void => {
    line.clear();
    near.resetAndDestroy();
    far.resetAndDestroy();
    ended();
  };
  const broke = (): void => {
    broken = true;
    if (mode().kind !== 'hole') line.add(end);
  };
  const hand = (from: Socket, to: Socket): void => {
    from.on('data', (piece: Buffer) => {
      const at = mode();
      if (from === far) answered += piece.length;
      if (at.kind === 'cut' && from === far && answered > at.afterBytes) return end();
      if (at.kind === 'sift') {
        const fate = at.fate(piece, { connection, from: from === near ? 'client' : 'server' });
        if (fate === 'cut') return end();
        if (fate === 'keep') kept.add(from);
        if (kept.has(from)) return;
      }
      line.add(() => {
        if (to.writable && !to.write(piece)) from.pause();
      });
    });
    to.on('drain', () => mode().kind !== 'hole' && from.resume());
    from.on('end', () => line.add(() => to.end()));
    from.on('error', broke);
    from.on('close', broke);
  };
  hand(near, far);
  hand(far, near);
  const modeChanged = (): void => {
    const { kind } = mode();
    if (kind === 'cut') answered = 0;
    if (kind === 'hole') {
      near.pause();
      far.pause();
    } else if (broken || kept.size > 0) end();
    else {
      near.resume();
      far.resume();
    }
  };
  if (mode().kind === 'hole') modeChanged();
  return { modeChanged, end };
}
