import { connect, type Socket } from 'node:net';
import type { Address } from '../../config/config.ts';

/** When a host is gone nobody refuses the connection: the kernel would retry for two minutes, and each call wait for its whole deadline. */
const answeredWithinMs = 1_000;

/** A connection that fails with the kernel's error (ETIMEDOUT) when nobody has answered within a second. */
export function connectInTime({ host, port }: Address): Socket {
  const socket = connect({ host, port });
  const giveUp = (): void => {
    const message = `${host}:${port} did not answer within ${answeredWithinMs} ms`;
    socket.destroy(Object.assign(new Error(message), { code: 'ETIMEDOUT' }));
  };
  const timer = setTimeout(giveUp, answeredWithinMs);
  const settled = (): void => clearTimeout(timer);
  return socket.once('connect', settled).once('close', settled);
}
