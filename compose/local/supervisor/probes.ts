// Readiness: one request to one part, answered yes or no within a time limit.

import { connect } from 'node:net';
import { Client, credentials } from '@grpc/grpc-js';
import pg from 'pg';

const PROBE_TIMEOUT_MS = 1_500;

/** True when the part serves; false or a rejection when it does not (yet). */
export type Probe = () => Promise<boolean>;

export function tcpProbe(port: number): Probe {
  return () => exchange(port, undefined, () => true);
}

/** A Valkey that has loaded and accepts our password answers PONG. */
export function valkeyProbe(port: number, password: string): Probe {
  const request = `AUTH ${password}\r\nPING\r\n`;
  return () => exchange(port, request, (answer) => answer.includes('+PONG'));
}

export function postgresProbe(url: string): Probe {
  return async () => {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: PROBE_TIMEOUT_MS,
      query_timeout: PROBE_TIMEOUT_MS,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return (await client.query('select 1')).rowCount === 1;
    } finally {
      await client.end().catch(() => {});
    }
  };
}

export function httpProbe(url: string): Probe {
  return async () => (await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })).ok;
}

const HEALTH_CHECK = '/grpc.health.v1.Health/Check';
/** HealthCheckResponse{status: SERVING}: field 1, a varint, the value 1. */
const SERVING = Buffer.from([0x08, 0x01]);

/** grpc.health.v1 Check of the whole server; the two messages are small enough to be decoded by hand. */
export function grpcHealthProbe(port: number): Probe {
  return async () => {
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    try {
      return await new Promise<boolean>((resolve) => {
        const identity = (bytes: Buffer): Buffer => bytes;
        const deadline = new Date(Date.now() + PROBE_TIMEOUT_MS);
        client.makeUnaryRequest(HEALTH_CHECK, identity, identity, Buffer.alloc(0), { deadline }, (error, answer) =>
          resolve(error === null && answer?.equals(SERVING) === true),
        );
      });
    } finally {
      client.close();
    }
  };
}

/** Opens a connection, sends `request` if there is one, and judges what comes back (or, without a request, that it opened). */
function exchange(port: number, request: string | undefined, good: (answer: string) => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let answer = '';
    const end = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => end(false));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
    socket.on('connect', () => (request === undefined ? end(good('')) : socket.write(request)));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (good(answer)) end(true);
    });
  });
}
