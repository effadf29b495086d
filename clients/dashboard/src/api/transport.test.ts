import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { afterEach, expect, it, vi } from 'vitest';
import { type Session as Message, SessionSchema } from '#gen/identity/v1/user_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { createSession } from '../session/session.ts';
import { signedInTransport } from './transport.ts';

const answered = (token: string, userId: string, workspaceId = 'w'): Message =>
  create(SessionSchema, { token, expiresIn: 900, user: { id: userId }, workspace: { id: workspaceId } });
const alone = { tell() {}, hear() {}, exclusively: <Result>(work: () => Promise<Result>) => work() };

afterEach(() => void vi.unstubAllGlobals());

/** What is sent for a call of Ada's page that is refused while `meanwhile` happens. */
async function tokensSent(meanwhile: (session: ReturnType<typeof createSession>) => void): Promise<string[]> {
  const calls = { refresh: () => Promise.reject(new Error('not asked')), logOut: () => Promise.resolve() };
  const session = createSession(calls, alone);
  session.open(answered('t1', 'ada'));
  const sent: string[] = [];
  vi.stubGlobal('fetch', async (_url: string, { headers }: { headers: Headers }) => {
    sent.push(headers.get('authorization') ?? '');
    meanwhile(session);
    return new Response(null, { headers: { 'content-type': 'application/grpc-web+proto', 'grpc-status': '16' } });
  });
  const links = createClient(
    LinkService,
    signedInTransport('http://localhost', session, { userId: 'ada', workspaceId: 'w' }),
  );
  await expect(links.createLink({ longUrl: 'https://example.com/private' })).rejects.toThrow();
  return sent;
}

it('a call that was refused is made again with the next token of the same person, once', async () => {
  expect(await tokensSent((session) => session.open(answered('t2', 'ada')))).toEqual(['Bearer t1', 'Bearer t2']);
});

it('a call of one person is never made as another, who signed in meanwhile', async () => {
  expect(await tokensSent((session) => session.open(answered('b1', 'brian')))).toEqual(['Bearer t1']);
});

it('a call in one workspace is never made in another, to which the session moved meanwhile', async () => {
  expect(await tokensSent((session) => session.open(answered('t2', 'ada', 'w2')))).toEqual(['Bearer t1']);
});
