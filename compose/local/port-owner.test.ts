import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { PortsTakenError, requireFree } from './port-owner.ts';
import { portsFrom } from './ports.ts';

test('a taken port is named with the part, the pid and the command of its owner, and the way around', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
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
});
