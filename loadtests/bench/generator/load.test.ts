import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Job } from './job.ts';
import { runLoad } from './load.ts';

let server: Server;
let asked: string[];
let job: Job;

beforeEach(async () => {
  asked = [];
  server = createServer(({ url = '' }, response) => {
    asked.push(url);
    response.writeHead(302, { location: `https://example.org${url}`, 'content-length': 0 }).end();
  });
  // Node writes header names as they are given, so the answers look like Envoy's.
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const values = ['aaa', 'bbb', 'ccc'];
  job = {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    connections: 2,
    request: 'GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n',
    values,
    expect: { status: 302, locations: values.map((value) => `https://example.org/${value}`) },
    seconds: 5,
    requests: 100,
  };
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

describe('a closed loop', () => {
  it('asks for the values in turn, exactly as often as it may', async () => {
    const { answers, wrong, latencyMs } = await runLoad(job);
    expect([answers, wrong, asked.length]).toEqual([100, 0, 100]);
    expect(asked.filter((url) => url === '/aaa')).toHaveLength(34);
    expect(latencyMs.p50).toBeGreaterThan(0);
  });

  it('finds every wrong answer and shows some', async () => {
    const { wrong, wrongExamples } = await runLoad({ ...job, expect: { status: 302, locations: ['', '', ''] } });
    expect(wrong).toBe(100);
    expect(wrongExamples[0]).toContain('HTTP/1.1 302');
  });

  it('fails when a connection is lost', async () => {
    server.removeAllListeners('request').on('request', ({ socket }) => socket.destroy());
    await expect(runLoad(job)).rejects.toThrow(/closed|ECONNRESET/);
  });
});

describe('an open loop', () => {
  it('asks at the rate it was given', async () => {
    const { answers, seconds, latenessMs } = await runLoad({ ...job, rate: 200, seconds: 0.5 });
    expect(answers).toBe(100);
    // The last of them was due 5 ms before the end; never earlier.
    expect(seconds).toBeGreaterThan(0.49);
    expect(latenessMs?.p50).toBeGreaterThanOrEqual(0);
  });

  it('ends soon after its time with what it could not send', async () => {
    server.removeAllListeners('request').on('request', ({ url }, response) => {
      setTimeout(
        () => response.writeHead(302, { location: `https://example.org${url}`, 'content-length': 0 }).end(),
        20,
      );
    });
    const { answers, wrong } = await runLoad({ ...job, rate: 100_000, seconds: 0.1, requests: 10_000 });
    expect(wrong).toBe(0);
    expect(answers).toBeGreaterThan(0);
    expect(answers).toBeLessThan(10_000);
  });

  it('measures from the time that was due, however late it could send', async () => {
    server.removeAllListeners('request').on('request', ({ url }, response) => {
      setTimeout(
        () => response.writeHead(302, { location: `https://example.org${url}`, 'content-length': 0 }).end(),
        20,
      );
    });
    // Two connections of 20 ms serve 100 a second; 400 are due in half a second's time.
    const { latencyMs } = await runLoad({ ...job, rate: 800, seconds: 0.1 });
    expect(latencyMs.max).toBeGreaterThan(300);
  });
});
