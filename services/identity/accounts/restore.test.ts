// After a restore an operator may have to end all credentials, with the statements of docs/runbook.md: they are run here, as they stand there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { testService } from '#runtime/testing/keys.ts';
import { newPerson, refusal, useTestIdentity } from '../testing/test-identity.ts';

const identity = useTestIdentity();

it('every session, with its access token, and every API key is over', async () => {
  const gateway = identity.client(testService('gateway-access'));
  const { caller, session } = await newPerson(identity);
  const { secret = '' } = await identity.client(caller).createApiKey({ name: 'k', scopes: ['links:read'] });
  const { cursor } = await gateway.listRevocations({});
  const runbook = readFileSync(join(import.meta.dirname, '../../../docs/runbook.md'), 'utf8');
  const [, statements = ''] = /\n## Restore\n.*?```sql\n(\s*begin;.*?)```/s.exec(runbook) ?? [];
  await identity.pool.query(statements);
  expect((await gateway.listRevocations({ cursor })).credentialIds).toContain(caller.credentialId);
  const { refreshToken } = session;
  const unauthenticated = { code: Code.Unauthenticated };
  expect(await refusal(identity.client().refreshSession({ refreshToken }))).toMatchObject(unauthenticated);
  expect(await refusal(gateway.verifyApiKey({ secret }))).toMatchObject(unauthenticated);
});
