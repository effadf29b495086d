import { Code, ConnectError, type Interceptor, type Transport } from '@connectrpc/connect';
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

/** Whose page it is. */
interface Owner {
  readonly userId: string;
  readonly workspaceId: string;
}

/** The same with the credentials of a session, for as long as it is that of this person in this workspace. */
export function signedInTransport(baseUrl: string, session: Session, owner: Owner): Transport {
  return anonymousTransport({ baseUrl, interceptors: [withToken(session, owner)] });
}

/**
 * Gives each call a token, and retries with a new one if it was refused: it may have been revoked early. A stream has to be reopened by
 * whoever opened it. If somebody else signs in meanwhile, in another tab, or the session moves to another workspace, a call ends: it must not
 * be made in their name, or there.
 */
function withToken(session: Session, { userId, workspaceId }: Owner): Interceptor {
  const ownToken = async (): Promise<string> => {
    const token = await session.token();
    const state = session.state();
    if ('user' in state && state.user.id === userId && state.workspace.id === workspaceId) return token;
    throw new ConnectError('Another session is open by now.', Code.Canceled);
  };
  return (next) => async (request) => {
    const token = await ownToken();
    request.header.set('authorization', `Bearer ${token}`);
    try {
      return await next(request);
    } catch (error) {
      if (!isSignedOut(error)) throw error;
      session.refused(token);
      if (request.stream) throw error;
      request.header.set('authorization', `Bearer ${await ownToken()}`);
      return next(request);
    }
  };
}
