import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { selfSigned } from '#runtime/testing/certificate.ts';
import { freePort, waitFor } from '#runtime/testing/wait-for.ts';
import { type Door, startDoor } from '../testing/door.ts';
import { ask } from '../testing/http.ts';

const dir = mkdtempSync(join(tmpdir(), 'hop-tls-'));
const client = selfSigned('client');
let door: Door;
let plainPort: number;

/** As a certificate is renewed: the new files are complete before they take the place of the old ones. */
function install(part: string, name: string): void {
  mkdirSync(join(dir, part), { recursive: true });
  const { certificate, key } = selfSigned(name);
  for (const [file, text] of [
    ['tls.key', key],
    ['tls.crt', certificate],
  ] as const) {
    writeFileSync(join(dir, part, `${file}.new`), text);
    renameSync(join(dir, part, `${file}.new`), join(dir, part, file));
  }
}
const paths = (part: string) => ({ certificate: join(dir, part, 'tls.crt'), key: join(dir, part, 'tls.key') });

beforeAll(async () => {
  install('public', 'first');
  install('internal', 'internal');
  writeFileSync(join(dir, 'internal', 'ca.crt'), client.certificate);
  plainPort = await freePort();
  door = await startDoor({
    publicTls: paths('public'),
    http3: true,
    hstsSeconds: 86_400,
    redirectAddress: { host: '127.0.0.1', port: plainPort },
    internalTls: { ...paths('internal'), clientCa: join(dir, 'internal', 'ca.crt') },
  });
});
afterAll(async () => {
  await door.stop();
  rmSync(dir, { recursive: true, force: true });
});

function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () => resolve(socket));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('Closed.')));
    socket.setTimeout(3_000, () => socket.destroy());
  });
}

/** What a request on the socket brings back; empty where the peer hung up. */
function exchange(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\r\n\r\n')) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
  });
}

test('HTTP/2 is spoken where the client can, HTTP/1.1 else, and nothing older than TLS 1.2', async () => {
  const port = door.envoy.publicPort;
  const modern = await handshake(port, { ALPNProtocols: ['h2', 'http/1.1'] });
  expect(modern.alpnProtocol).toBe('h2');
  modern.destroy();
  const plain = await handshake(port, { ALPNProtocols: ['http/1.1'] });
  const answer = await exchange(plain);
  expect(answer).toMatch(/^HTTP\/1\.1 200/);
  expect(answer).toContain(`alt-svc: h3=":${port}"; ma=86400`);
  expect(answer).toContain('strict-transport-security: max-age=86400');
  await expect(handshake(port, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).rejects.toThrow();
});

test('HTTP/2 carries a request', async () => {
  const session = connectHttp2(`https://127.0.0.1:${door.envoy.publicPort}`, { rejectUnauthorized: false });
  const status = await new Promise((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request({ ':path': '/healthz' });
    stream.on('response', (headers) => resolve(headers[':status']));
    stream.on('error', reject);
    stream.resume();
  });
  session.close();
  expect(status).toBe(200);
});

test('http is redirected to the same place by https, and is no click', async () => {
  const logged = (): Promise<number> => door.envoy.stat('filesystem.write_buffered');
  const { publicPort } = door.envoy;
  await exchange(await handshake(publicPort));
  const before = await logged();
  expect(before).toBeGreaterThan(0);
  const place = { location: `https://hop.example:${publicPort}/hello?a=b`, server: 'hopline' };
  for (const host of ['hop.example', 'hop.example:80', `hop.example:${plainPort}`])
    expect(await ask(plainPort, '/hello?a=b', { headers: { host } })).toMatchObject({ status: 301, headers: place });
  const headers = { host: 'hop.example' };
  expect(await ask(plainPort, '/hello?a=b', { method: 'HEAD', headers })).toMatchObject({ status: 301 });
  const post = await ask(plainPort, '/hello?a=b', { method: 'POST', headers, body: '{}' });
  expect(post).toMatchObject({ status: 308, headers: place });
  expect(await logged()).toBe(before);
});

test('a renewed certificate is taken without a restart', async () => {
  const name = async () => {
    const socket = await handshake(door.envoy.publicPort);
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return CN;
  };
  expect(await name()).toBe('first');
  install('public', 'second');
  await waitFor(async () => (await name()) === 'second', { what: 'the second certificate' });
});

test('the internal door wants a certificate of the clients', async () => {
  const port = door.envoy.internalPort;
  const stranger = await handshake(port).then(exchange, () => '');
  expect(stranger).toBe('');
  const other = selfSigned('other');
  const impostor = await handshake(port, { cert: other.certificate, key: other.key }).then(exchange, () => '');
  expect(impostor).toBe('');
  const known = await handshake(port, { cert: client.certificate, key: client.key }).then(exchange);
  expect(known).toMatch(/^HTTP\/1\.1 200/);
});

test('nothing of it is work in progress', async () => {
  expect(await door.envoy.stat('server.wip_protos')).toBe(0);
});
