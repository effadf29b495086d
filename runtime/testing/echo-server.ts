import { ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { credentials, Metadata, makeGenericClientConstructor, type StatusObject } from '@grpc/grpc-js';
import { afterEach } from 'vitest';
import { ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { service } from '../rpc/endpoint.ts';
import { EchoService } from './echo-service.ts';
import { startTestServer, type TestServer } from './test-server.ts';

export type Echo = ServiceImpl<typeof EchoService>;

export const echo: Echo = {
  open: ({ text }) => ({ text }),
  person: ({ text }) => ({ text }),
  anonymous: ({ text }) => ({ text }),
  internal: ({ text }) => ({ text }),
  team: ({ text }) => ({ text }),
  async *tail({ text }) {
    for (let n = 0; n < 3; n++) yield { text: text + n };
  },
  async *chat(requests) {
    for await (const { text } of requests) yield { text: text.toUpperCase() };
  },
};

/** Starts servers of EchoService, some of whose calls a test handles itself; each is stopped after its test. */
export function useEchoServer(): (overrides?: Partial<Echo>) => Promise<TestServer> {
  const running: TestServer[] = [];
  afterEach(async () => {
    for (const server of running.splice(0)) await server.stop();
  });
  return async (overrides = {}) => {
    const server = await startTestServer({ services: [service(EchoService, { ...echo, ...overrides })] });
    running.push(server);
    return server;
  };
}

/** The error of a call that must fail. */
export async function failure(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error('The call did not fail.');
}

export const reasonOf = (error: ConnectError): string | undefined => error.findDetails(ErrorInfoSchema)[0]?.reason;

/** A call without Connect in between: what is really on the wire. */
export function raw(on: TestServer, method: string, bytes: Buffer, deadlineMs = 5_000) {
  const same = (value: Buffer): Buffer => value;
  const definition = {
    path: `/hop.test.v1.EchoService/${method}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  const Client = makeGenericClientConstructor({ call: definition }, 'raw');
  const client = new Client(`127.0.0.1:${on.address.port}`, credentials.createInsecure());
  return new Promise<{ metadata?: Metadata; status: StatusObject }>((resolve) => {
    let metadata: Metadata | undefined;
    const call = client.makeUnaryRequest(
      definition.path,
      same,
      same,
      bytes,
      new Metadata(),
      { deadline: Date.now() + deadlineMs },
      () => {},
    );
    call.on('metadata', (got: Metadata) => {
      metadata = got;
    });
    call.on('status', (status: StatusObject) => {
      client.close();
      resolve({ ...(metadata ? { metadata } : {}), status });
    });
  });
}
