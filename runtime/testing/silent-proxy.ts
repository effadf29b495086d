import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Address } from '../config/config.ts';

export interface SilentProxy {
  readonly address: Address;
  /** All connections that there are stay open without a word, as if the host had vanished; new ones go to this port. */
  silence(port: number): void;
  close(): void;
}

/** Stands for the processes of a service, as a name that is one address for many does. */
export async function startSilentProxy(port: number): Promise<SilentProxy> {
  const sockets = new Set<Socket>();
  const pairs = new Set<[Socket, Socket]>();
  let target = port;
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    near.pipe(far).pipe(near);
    pairs.add([near, far]);
    for (const socket of [near, far]) sockets.add(socket.on('error', () => socket.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    silence(next) {
      target = next;
      for (const [near, far] of pairs) {
        near.unpipe(far).resume();
        far.unpipe(near).resume();
      }
      pairs.clear();
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
