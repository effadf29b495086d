import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Code, createHopline, HoplineError } from '@hopline/client';
import { describe, expect, it } from 'vitest';
import { refusal } from '../../sdk/testing/scripted.ts';
import { explain } from './advice.ts';

const url = 'http://hop.example';

it('each fault once, by the field that it is of', () => {
  const alias = { field: 'patch.alias', description: 'is a reserved word' };
  const title = { field: 'patch.title', description: 'is too long' };
  expect(explain(refused('patch.alias: is a reserved word', [alias]), url)).toEqual(['alias: is a reserved word']);
  expect(explain(refused('patch.alias: is a reserved word; patch.title: is too long', [alias, title]), url)).toEqual([
    'alias: is a reserved word',
    '  title: is too long',
  ]);
  expect(explain(refused('The current password is wrong.', [alias]), url)).toEqual([
    'The current password is wrong.',
    '  alias: is a reserved word',
  ]);
});

it('to whom is not signed in, and of an address where there is no such call, what a person can do', () => {
  const signedOut = new HoplineError(refusal(Code.Unauthenticated, 'CREDENTIALS_MISSING'));
  expect(explain(signedOut, url)).toEqual([`You are not signed in to ${url}.`, expect.stringContaining('hop login')]);
  const elsewhere = new HoplineError(refusal(Code.Unimplemented));
  expect(explain(elsewhere, url).at(-1)).toContain('without a path');
});

describe('where no answer came, what is wrong:', () => {
  /** What is said of a call to a server that receives its bytes like this. */
  async function wordsOf(receive: (socket: Socket) => void): Promise<string> {
    const server = createServer((socket) => socket.once('data', () => receive(socket)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const hop = createHopline({ url: `http://127.0.0.1:${port}`, apiKey: 'hop_x', retries: 0 });
    const error = await hop.links.deleteLink({ code: 'a' }).catch((error: unknown) => error);
    server.close();
    return explain(error as HoplineError, url).join('\n');
  }

  it('a proxy without HTTP/2', async () => {
    const words = await wordsOf((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(words).toMatch(/^What answers at http:\/\/hop.example does not speak HTTP\/2\.\n/);
  });

  it('a connection that was closed', async () => {
    expect(await wordsOf((socket) => socket.end())).toMatch(
      /^The connection to .* was closed before an answer came\.\n/,
    );
  });

  it('a certificate that is not trusted', () => {
    const cause = Object.assign(new Error(), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const untrusted = Object.assign(refusal(Code.Internal), { rawMessage: 'self-signed certificate', cause });
    expect(explain(new HoplineError(untrusted, 'UNREACHABLE'), url)).toEqual([
      `The certificate of ${url} is not trusted.`,
      '  self-signed certificate',
      expect.stringContaining('NODE_EXTRA_CA_CERTS'),
    ]);
  });

  it('nothing that listens', async () => {
    const hop = createHopline({ url: 'http://127.0.0.1:1', apiKey: 'hop_x', retries: 0 });
    const error = await hop.links.deleteLink({ code: 'a' }).catch((error: unknown) => error);
    expect(explain(error as HoplineError, url).slice(0, 2)).toEqual([
      `Nothing answers at ${url}.`,
      '  connect ECONNREFUSED 127.0.0.1:1',
    ]);
  });
});

function refused(message: string, fields: HoplineError['fields']): HoplineError {
  return Object.assign(new HoplineError(refusal(Code.InvalidArgument, 'INVALID_ARGUMENT')), { message, fields });
}
