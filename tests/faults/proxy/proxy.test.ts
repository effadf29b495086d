import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startProxy, type TcpProxy } from './proxy.ts';

let server: Server;
let proxy: TcpProxy;
const clients: Socket[] = [];

beforeEach(async () => {
  server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await startProxy((server.address() as AddressInfo).port);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.close();
  await new Promise((resolve) => server.close(resolve));
});

async function client() {
  const socket = connect({ port: proxy.port, host: '127.0.0.1' });
  clients.push(socket);
  let heard = '';
  socket.on('data', (piece) => {
    heard += piece;
  });
  const ended = new Promise<string>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.once('close', () => resolve('closed'));
  });
  await once(socket, 'connect');
  const hears = async (text: string): Promise<void> => {
    while (heard !== text) await once(socket, 'data', { signal: AbortSignal.timeout(5_000) });
  };
  return { socket, ended, hears, heard: () => heard };
}

const moment = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

it('hands on what comes, and the end of it', async () => {
  const { socket, hears, ended } = await client();
  socket.write('abc');
  await hears('abc');
  expect(proxy.open).toBe(1);
  socket.end();
  expect(await ended).toBe('closed');
});

it('delays both ways, in order, also what comes when the delay is over', async () => {
  const { socket, hears } = await client();
  proxy.set({ kind: 'delay', ms: 100 });
  const since = performance.now();
  socket.write('a');
  await moment(20);
  proxy.set({ kind: 'pass' });
  socket.write('b');
  await hears('ab');
  expect(performance.now() - since).toBeGreaterThan(99);
});

it('never lets a piece overtake another, however often the delay comes and goes', async () => {
  const { socket, hears } = await client();
  let sent = '';
  for (let piece = 0; piece < 200; piece++) {
    proxy.set(piece % 20 < 15 ? { kind: 'delay', ms: 5 } : { kind: 'pass' });
    socket.write(`${piece},`);
    sent += `${piece},`;
    await moment(1);
  }
  await hears(sent);
});

it('swallows without closing, and brings what it held back once it is over', async () => {
  const open = await client();
  open.socket.write('a');
  await open.hears('a');
  proxy.set({ kind: 'hole' });
  open.socket.write('b');
  const late = await client();
  late.socket.write('c');
  await moment(100);
  expect([open.heard(), late.heard()]).toEqual(['a', '']);
  proxy.set({ kind: 'pass' });
  await Promise.all([open.hears('ab'), late.hears('c')]);
});

it('cuts an answer after so many bytes', async () => {
  const { socket, ended, hears, heard } = await client();
  socket.write('1234');
  await hears('1234');
  proxy.set({ kind: 'cut', afterBytes: 2 });
  socket.write('56');
  await hears('123456');
  socket.write('7');
  expect(await ended).toBe('ECONNRESET');
  expect(heard()).toBe('123456');
});

it('refuses new connections and leaves open ones, until they are reset', async () => {
  const open = await client();
  proxy.set({ kind: 'refuse' });
  const refused = connect({ port: proxy.port, host: '127.0.0.1' });
  const [error] = await once(refused, 'close').then(
    () => [undefined],
    (fault: NodeJS.ErrnoException) => [fault.code],
  );
  expect(error).toBe('ECONNRESET');
  open.socket.write('a');
  await open.hears('a');
  proxy.reset();
  expect(await open.ended).toBe('ECONNRESET');
  expect(proxy.open).toBe(0);
});

it('keeps, cuts or hands on each piece as it is told, and knows the connections apart', async () => {
  const [kept, cut, passed] = [await client(), await client(), await client()];
  const ways: string[] = [];
  proxy.set({
    kind: 'sift',
    fate: (piece, { connection, from }) => {
      ways.push(`${connection} ${from} ${piece}`);
      if (piece.includes('keep')) return 'keep';
      return from === 'server' && piece.includes('cut') ? 'cut' : 'pass';
    },
  });
  kept.socket.write('keep');
  cut.socket.write('cut');
  passed.socket.write('pass');
  expect(await cut.ended).toBe('ECONNRESET');
  await passed.hears('pass');
  expect(ways.toSorted()).toEqual(['1 client keep', '2 client cut', '2 server cut', '3 client pass', '3 server pass']);
  expect([kept.heard(), cut.heard(), proxy.open]).toEqual(['', '', 2]);
  proxy.set({ kind: 'pass' });
  expect(await kept.ended).toBe('ECONNRESET');
});
