import { randomUUID } from 'node:crypto';
import { type AddressInfo, connect } from 'node:net';
import { createServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLog } from '../telemetry/log.ts';
import { selfSigned } from '../testing/certificate.ts';
import { valkeyUrl } from '../testing/stores.ts';
import { startValkey } from '../testing/valkey.ts';
import { waitFor } from '../testing/wait-for.ts';
import { createRedis, type Redis, whenReady } from './redis.ts';

let redis: Redis | undefined;
afterEach(() => redis?.disconnect());

async function open(url: string, commandTimeoutMs = 1_000): Promise<Redis> {
  redis = createRedis(url, { name: 'test', commandTimeoutMs, log: silentLog });
  await whenReady(redis);
  return redis;
}

describe('createRedis', () => {
  it('reads what it wrote', async () => {
    const client = await open(valkeyUrl());
    const key = `test:${randomUUID()}`;
    await client.set(key, Buffer.from([0, 255]), 'EX', 10);
    expect(await client.getBuffer(key)).toEqual(Buffer.from([0, 255]));
  });

  it('comes by TLS, as a user', async () => {
    const admin = await open(valkeyUrl(), 500);
    await admin.call('acl', 'setuser', 'by-tls', 'on', '>p@ss', '~*', '+@all');
    const { certificate, key } = selfSigned('localhost');
    const { hostname, port } = new URL(valkeyUrl());
    // The Valkey that is installed here has no TLS of its own.
    const door = createServer({ cert: certificate, key }, (socket) => {
      const inside = connect(Number(port), hostname);
      socket.pipe(inside).pipe(socket);
      for (const side of [socket, inside]) side.on('error', () => socket.destroy() && inside.destroy());
    });
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    const trusted = getCACertificates('default');
    setDefaultCACertificates([...trusted, certificate]); // as NODE_EXTRA_CA_CERTS does
    const client = createRedis(`rediss://by-tls:p%40ss@localhost:${(door.address() as AddressInfo).port}/0`, {
      name: 'test',
      commandTimeoutMs: 500,
      log: silentLog,
    });
    await whenReady(client);
    expect(await client.call('acl', 'whoami')).toBe('by-tls');
    client.disconnect();
    setDefaultCACertificates(trusted);
    await admin.call('acl', 'deluser', 'by-tls');
    door.close();
  });

  it('refuses at once while the server is away, and comes back with it', async () => {
    const valkey = await startValkey();
    const client = await open(valkey.url);
    await valkey.stop();
    await waitFor(() => client.status !== 'ready');
    await expect(client.get('a')).rejects.toThrow('enableOfflineQueue');
    const again = await startValkey({ port: valkey.port });
    await waitFor(() => client.status === 'ready', { timeoutMs: 3_000 });
    expect(await client.get('a')).toBeNull();
    await again.stop();
  });

  it('gives up on a server that hangs, and replaces the connection', async () => {
    const valkey = await startValkey();
    const client = await open(valkey.url, 50);
    process.kill(valkey.pid, 'SIGSTOP');
    await expect(client.get('a')).rejects.toThrow('timed out');
    await waitFor(() => client.status !== 'ready', { timeoutMs: 3_000 });
    process.kill(valkey.pid, 'SIGCONT');
    await waitFor(async () => (await client.ping()) === 'PONG', { timeoutMs: 5_000 });
    await valkey.stop();
  });
});
