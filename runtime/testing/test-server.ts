import { randomUUID } from 'node:crypto';
import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { type Caller, callerHeader, mintCaller } from '../caller/token.ts';
import type { Address } from '../config/config.ts';
import type { Registration } from '../rpc/endpoint.ts';
import { type RunningServer, type ServerOptions, startServer } from '../rpc/server/server.ts';
import { type Log, silentLog } from '../telemetry/log.ts';
import { type TestKeys, testKeys } from './keys.ts';

interface TestServerOptions extends Partial<Omit<ServerOptions, 'services' | 'keyring' | 'address'>> {
  readonly services: readonly Registration[];
  readonly keys?: TestKeys;
  readonly log?: Log;
  /** A port that was freed before; else a free one. */
  readonly port?: number;
}

export interface TestServer {
  readonly address: Address;
  readonly keys: TestKeys;
  readonly server: RunningServer;
  /** A client that calls as the caller given, with a caller token made for each call; without one it is nobody. */
  client<Desc extends DescService>(descriptor: Desc, options?: { caller?: Caller }): Client<Desc>;
  stop(): Promise<void>;
}

/** The server that production runs, on a free port: serialisation, interceptors and errors are the real ones. */
export async function startTestServer(options: TestServerOptions): Promise<TestServer> {
  const keys = options.keys ?? testKeys();
  const address = { host: '127.0.0.1', port: options.port ?? 0 };
  const server = await startServer({ log: silentLog, ...options, address, keyring: keys.keyring });
  const baseUrl = `http://127.0.0.1:${server.address.port}`;
  const sessions: Http2SessionManager[] = [];
  return {
    address: server.address,
    keys,
    server,
    client(descriptor, { caller } = {}) {
      const sessionManager = new Http2SessionManager(baseUrl);
      sessions.push(sessionManager);
      const interceptors = caller ? [signAs(keys, caller)] : [];
      return createClient(descriptor, createGrpcTransport({ baseUrl, sessionManager, interceptors }));
    },
    async stop() {
      for (const session of sessions) session.abort();
      await server.stop(1_000);
    },
  };
}

function signAs(keys: TestKeys, caller: Caller): Interceptor {
  const issuer = caller.kind === 'service' ? caller.service : 'gateway-access';
  return (next) => (request) => {
    const requestId = request.header.get('x-request-id') ?? randomUUID();
    const method = `${request.method.parent.typeName}/${request.method.name}`;
    const binding = { method, requestId: caller.kind === 'service' ? '' : requestId };
    request.header.set('x-request-id', requestId);
    request.header.set(callerHeader, mintCaller(keys.identity(issuer), caller, binding));
    return next(request);
  };
}
