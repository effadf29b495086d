import type { HandlerContext } from '@connectrpc/connect';
import { afterEach, describe, expect, it } from 'vitest';
import { internal, notFound } from '../../errors/errors.ts';
import { createLog } from '../../telemetry/log.ts';
import { EchoService } from '../../testing/echo-service.ts';
import { testPerson } from '../../testing/keys.ts';
import { startTestServer, type TestServer } from '../../testing/test-server.ts';
import { logFields } from '../call.ts';
import { service } from '../endpoint.ts';

let server: TestServer | undefined;
afterEach(() => server?.stop());

describe('the log line of a call', () => {
  it('has what the handler added, and is left out for the successes of hot methods', async () => {
    const lines: Record<string, unknown>[] = [];
    const log = createLog(
      { instance: 'test', logLevel: 'info' },
      { write: (line) => void lines.push(JSON.parse(line)) },
    );
    const answer = ({ text }: { text: string }, context: HandlerContext): { text: string } => {
      logFields(context).short_code = text;
      if (text === 'none') throw notFound('LINK_NOT_FOUND', 'There is no such link.');
      if (text === 'broken') throw internal(new Error('cause'));
      return { text };
    };
    const rest = {
      person: answer,
      internal: answer,
      team: answer,
      tail: async function* () {},
      chat: async function* () {},
    };
    server = await startTestServer({
      log,
      services: [service(EchoService, { open: answer, anonymous: answer, ...rest })],
      hot: ['hop.test.v1.EchoService/Open'],
    });
    const client = server.client(EchoService);
    for (let n = 0; n < 20; n++) await client.open({ text: 'hot' });
    expect(lines).toEqual([]);
    for (const text of ['none', 'broken']) await client.open({ text }).catch(() => {});
    await client.anonymous({ text: 'cold' }, { headers: { 'x-request-id': 'req-1' } });
    const person = testPerson();
    await server.client(EchoService, { caller: person }).person({ text: 'signed' });
    const [missing, broken, cold, signed] = lines;
    const { userId: user_id, workspaceId: workspace_id, credentialId: credential_id } = person;
    expect(signed).toMatchObject({ caller: 'user', user_id, workspace_id, credential_id });
    expect(missing).toMatchObject({
      level: 'info',
      code: 'not_found',
      short_code: 'none',
      failure: { reason: 'LINK_NOT_FOUND' },
    });
    expect(missing).not.toHaveProperty('failure.stack');
    expect(broken).toMatchObject({ level: 'error', code: 'internal', failure: { cause: { message: 'cause' } } });
    expect(cold).toMatchObject({
      level: 'info',
      code: 'ok',
      method: 'Anonymous',
      request_id: 'req-1',
      short_code: 'cold',
    });
  });
});
