import { type AddressInfo, createServer, type Socket } from 'node:net';

interface HangingBroker {
  readonly address: string;
  /** How many are open. */
  connections(): number;
  close(): void;
}

/** Accepts connections and reads from them, and answers nothing, like a broker that was stopped. */
export async function startHangingBroker(): Promise<HangingBroker> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => sockets.size,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
