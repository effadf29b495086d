import type {
  Http2Session,
  IncomingHttpHeaders,
  IncomingHttpStatusHeader,
  SecureClientSessionOptions,
} from 'node:http2';
import type { Transport } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager, type Http2SessionOptions } from '@connectrpc/connect-node';

/** The certificates of the connection, in PEM: authorities trusted in addition to the usual ones, and (mTLS) the client's own. */
export type TlsOptions = Pick<SecureClientSessionOptions, 'ca' | 'cert' | 'key'>;

/** A page of 1,000 links may have 8 MiB. */
const mostBytes = 16 * 1_024 * 1_024;

/** A connection that is silent during a call is pinged, and closed if there is no answer. */
const pings: Http2SessionOptions = { pingIntervalMs: 15_000, pingTimeoutMs: 5_000 };

/** gRPC over one HTTP/2 connection. Throws a TypeError if `url` is not an http(s) URL. */
export function grpcTransport(
  { url, tls }: { url: string; tls?: TlsOptions | undefined },
  keepalive: Http2SessionOptions = pings,
): Transport {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new TypeError(`"${url}" is no URL of an installation: it begins with https:// or http://.`);
  const sessionManager = withoutPages(withHeardErrors(new Http2SessionManager(url, keepalive, tls)));
  return createGrpcTransport({ baseUrl: url, readMaxBytes: mostBytes, sessionManager });
}

type Sessions = Pick<Http2SessionManager, 'authority' | 'request' | 'notifyResponseByteRead'>;

/**
 * The session manager removes its listeners from a broken connection as soon as the next call asks for another, which may be before the
 * connection emits its error. An unhandled error event ends the process; the calls have been told by then.
 */
function withHeardErrors(sessions: Sessions): Sessions {
  const heard = new WeakSet<Http2Session>();
  return {
    authority: sessions.authority,
    async request(...call) {
      const stream = await sessions.request(...call);
      const { session } = stream;
      if (session && !heard.has(session)) heard.add(session.on('error', () => {}));
      return stream;
    },
    notifyResponseByteRead: (stream) => sessions.notifyResponseByteRead(stream),
  };
}

/**
 * A proxy may answer with a page, for example to sign in. The transport fails the call without reading the page, and a stream with something
 * unread stays open: it would keep the process alive for ever.
 */
function withoutPages(sessions: Sessions): Sessions {
  return {
    ...sessions,
    async request(...call) {
      const stream = await sessions.request(...call);
      stream.once('response', (headers) => {
        if (!isGrpc(headers)) stream.destroy();
      });
      return stream;
    },
  };
}

const isGrpc = (headers: IncomingHttpHeaders & IncomingHttpStatusHeader): boolean =>
  headers[':status'] === 200 && /^application\/grpc/i.test(headers['content-type'] ?? '');
