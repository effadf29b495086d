import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { PortsTakenError, requireFree } from './port-owner.ts';
import { portsFrom } from './ports.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((own) => own?.some(({ address }) => address === '::1'));

test.each(['127.0.0.1', ...(hasIpv6 ? ['::1'] : [])])(
  'a port taken on %s is named with the part, the pid and the command of its owner, and the way around',
  async (host) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const ports = portsFrom({ HOP_PORT_VALKEY: String(port) });
      const failure = await requireFree(ports, ['valkey']).catch((error: Error) => error);
      expect(failure).toBeInstanceOf(PortsTakenError);
      const { message } = failure as Error;
      expect(message).toContain(`${port} (valkey) is held by process ${process.pid} (`);
      expect(message).toMatch(/node/);
      expect(message).toContain('HOP_PORT_VALKEY');
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    await requireFree(portsFrom({ HOP_PORT_VALKEY: String(port) }), ['valkey']);
  },
);
