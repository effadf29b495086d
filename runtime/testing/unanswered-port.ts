import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Address } from '../config/config.ts';

/** Listens, and is then kept from ever accepting a connection. */
const listener = `
  const { createServer } = require('node:net');
  const { parentPort } = require('node:worker_threads');
  const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
  });`;
const answersWithinMs = 200;
const mostConnections = 32;

/** A port that answers no connect, as that of a host which is gone: its backlog is full, and the kernel drops what comes. */
export async function startUnansweredPort(): Promise<{ readonly address: Address; close(): void }> {
  const worker = new Worker(listener, { eval: true });
  const port = await new Promise<number>((resolve, reject) => worker.once('message', resolve).once('error', reject));
  const sockets: Socket[] = [];
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    void worker.terminate();
  };
  for (let answers = true; answers; ) {
    if (sockets.length === mostConnections) {
      close();
      throw new Error('The backlog does not fill.');
    }
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    const connected = new Promise<boolean>((resolve) => socket.once('connect', () => resolve(true)));
    answers = await Promise.race([connected, sleep(answersWithinMs, false)]);
  }
  return { address: { host: '127.0.0.1', port }, close };
}
