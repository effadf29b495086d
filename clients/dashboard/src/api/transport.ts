import type { Interceptor, Transport } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import type { Session } from '../session/session.ts';
import { isSignedOut } from './problem.ts';

/** The longest wait for an answer. Streams set their own. */
const callMs = 10_000;

interface TransportOptions {
  readonly baseUrl: string;
  readonly interceptors?: Interceptor[];
}

/** gRPC-Web to the Envoy that served this page. */
export function anonymousTransport({ baseUrl, interceptors = [] }: TransportOptions): Transport {
  return createGrpcWebTransport({ baseUrl, defaultTimeoutMs: callMs, interceptors });
}

/** The same with the credentials of a session. */
export function signedInTransport(baseUrl: string, session: Session): Transport {
  return anonymousTransport({ baseUrl, interceptors: [withToken(session)] });
}

/**
 * Gives each call a token, and retries with a new one if it was refused: it may have been revoked early. A stream has to be reopened by
 * whoever opened it.
 */
function withToken(session: Session): Interceptor {
  return (next) => async (request) => {
    const token = await session.token();
    request.header.set('authorization', `Bearer ${token}`);
    try {
      return await next(request);
    } catch (error) {
      if (!isSignedOut(error)) throw error;
      session.refused(token);
      if (request.stream) throw error;
      request.header.set('authorization', `Bearer ${await session.token()}`);
      return next(request);
    }
  };
}
