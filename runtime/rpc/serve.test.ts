import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, describe, expect, it } from 'vitest';
import { EchoService } from '../testing/echo-service.ts';
import { writeKeyFiles } from '../testing/keys.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { freePort, waitFor } from '../testing/wait-for.ts';

const directory = temporaryDirectory();
const runtime = join(import.meta.dirname, '..');
const main = join(directory, 'main.ts');
writeFileSync(
  main,
  `import { baseConfig } from '${runtime}/config/base-config.ts';
import { mainConfig, serve, service } from '${runtime}/rpc/serve.ts';
import { EchoService } from '${runtime}/testing/echo-service.ts';
const config = mainConfig(baseConfig);
const echo = ({ text }) => ({ text });
const slow = async ({ text }) => { await new Promise((go) => setTimeout(go, 400)); return { text }; };
const never = async function* () {};
await serve({
  name: 'test', config,
  services: [service(EchoService, { open: slow, person: echo, anonymous: ({ text }) => { if (text === 'stray') void Promise.reject(new Error('stray')); return { text }; }, internal: echo, team: echo, tail: never, chat: never })],
  close: [() => process.stdout.write('closed first\\n'), () => process.stdout.write('closed second\\n')],
});
`,
);

const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

async function run(environment: Record<string, string>) {
  const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH, ...environment }, cwd: runtime });
  children.push(child);
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => {
    said.out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.err += chunk;
  });
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, said, exit };
}

/** Resolves when the process serves; one that ended instead fails the test with its last words. */
async function serving(said: { out: string; err: string }, exit: Promise<number | null>): Promise<void> {
  const ended = exit.then((code) => {
    throw new Error(`ended with ${code}: ${said.err || said.out}`);
  });
  await Promise.race([waitFor(() => said.out.includes('test serves'), { timeoutMs: 20_000 }), ended]);
  ended.catch(() => {});
}

async function goodEnvironment(): Promise<{ port: number; metrics: number; environment: Record<string, string> }> {
  const [port, metrics] = [await freePort(), await freePort()];
  const { serviceKeyFile, callerKeysFile } = writeKeyFiles(directory, 'link');
  return {
    port,
    metrics,
    environment: {
      HOP_INSTANCE: 'link',
      HOP_GRPC_ADDRESS: `127.0.0.1:${port}`,
      HOP_METRICS_ADDRESS: `127.0.0.1:${metrics}`,
      HOP_SERVICE_KEY_FILE: serviceKeyFile,
      HOP_CALLER_KEYS_FILE: callerKeysFile,
    },
  };
}

const client = (port: number) =>
  createClient(EchoService, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));

describe('serve', () => {
  it('names the faults of its environment and exits 78', async () => {
    const { said, exit } = await run({ HOP_INSTANCE: 'Link!' });
    expect(await exit).toBe(78);
    expect(said.err).toContain('HOP_INSTANCE "Link!" does not match');
    expect(said.err).toContain('HOP_GRPC_ADDRESS is not set: expected host:port.');
  });

  it('ends the calls under way, closes in reverse order and exits 0 on SIGTERM', async () => {
    const { port, metrics, environment } = await goodEnvironment();
    const { child, said, exit } = await run(environment);
    await serving(said, exit);
    await client(port).anonymous({ text: 'a' });
    const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    expect(page).toContain(
      'hop_rpc_server_duration_seconds_bucket{service="hop.test.v1.EchoService",method="Anonymous",code="ok"',
    );
    const underWay = client(port).open({ text: 'still there' });
    await new Promise((go) => setTimeout(go, 100));
    child.kill('SIGTERM');
    expect((await underWay).text).toBe('still there');
    expect(await exit).toBe(0);
    expect(said.out.indexOf('closed second')).toBeGreaterThan(0);
    expect(said.out.indexOf('closed first')).toBeGreaterThan(said.out.indexOf('closed second'));
    const line = said.out.split('\n').find((text) => text.includes('"method":"Anonymous"')) ?? '{}';
    expect(JSON.parse(line)).toMatchObject({
      level: 'info',
      instance: 'link',
      code: 'ok',
      service: 'hop.test.v1.EchoService',
      msg: 'call',
    });
    expect(JSON.parse(line)).toHaveProperty('request_id');
    expect(JSON.parse(line)).toHaveProperty('latency_ms');
  });

  it('exits 1 on an error that nobody caught', async () => {
    const { port, environment } = await goodEnvironment();
    const { said, exit } = await run(environment);
    await serving(said, exit);
    await client(port)
      .anonymous({ text: 'stray' })
      .catch(() => {});
    expect(await exit).toBe(1);
    expect(said.out).toContain('"msg":"unhandledRejection"');
  });
});
