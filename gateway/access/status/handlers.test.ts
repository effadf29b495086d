import { afterEach, expect, it } from 'vitest';
import { StatusService } from '#gen/status/v1/status_service_pb.ts';
import { fromConnectError } from '#runtime/errors/errors.ts';
import { service } from '#runtime/rpc/serve.ts';
import { testPerson } from '#runtime/testing/keys.ts';
import { startTestServer, type TestServer } from '#runtime/testing/test-server.ts';
import { createStatus } from './handlers.ts';

let server: TestServer;
afterEach(() => server.stop());

const ada = testPerson();

async function ask(operators: readonly string[], caller = ada) {
  const status = async () => ({ state: 'ready' });
  server = await startTestServer({ services: [service(StatusService, createStatus({ status, operators }))] });
  return server.client(StatusService, { caller }).getMeshStatus({});
}
const reasonOf = (call: Promise<unknown>) =>
  call.then(() => 'answered').catch((error) => fromConnectError(error).reason);

it.each([
  { whom: 'the workspaces that operate the installation', operators: ['another', ada.workspaceId], reason: 'answered' },
  { whom: 'every workspace when all do', operators: ['*'], reason: 'answered' },
  { whom: 'no other workspace', operators: ['another'], reason: 'OPERATOR_ONLY' },
  { whom: 'nobody by default', operators: [], reason: 'OPERATOR_ONLY' },
])('tells $whom', async ({ operators, reason }) => {
  expect(await reasonOf(ask(operators))).toBe(reason);
});

it('asks for the scope as well', async () => {
  expect(await reasonOf(ask(['*'], testPerson({ role: 'viewer', scopes: ['links:read'] })))).toBe('ROLE_MISSING');
});
