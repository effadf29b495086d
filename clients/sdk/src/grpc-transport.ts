import type { Http2Session, SecureClientSessionOptions } from 'node:http2';
import type { Transport } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager, type Http2SessionOptions } from '@connectrpc/connect-node';

/** The certificates of the connection, in PEM: whom to trust besides the usual authorities, and (mTLS) who is calling. */
export type TlsOptions = Pick<SecureClientSessionOptions, 'ca' | 'cert' | 'key'>;

/** A page of 1,000 links may have 8 MiB. */
const mostBytes = 16 * 1_024 * 1_024;

/** A connection that says nothing while a call waits is asked, and given up when no answer comes. */
const pings: Http2SessionOptions = { pingIntervalMs: 15_000, pingTimeoutMs: 5_000 };

/** gRPC over one HTTP/2 connection. Throws a TypeError where `url` is no http(s) URL. */
export function grpcTransport(
  { url, tls }: { url: string; tls?: TlsOptions | undefined },
  keepalive: Http2SessionOptions = pings,
): Transport {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new TypeError(`"${url}" is no URL of an installation: it begins with https:// or http://.`);
  const sessionManager = withHeardErrors(new Http2SessionManager(url, keepalive, tls));
  return createGrpcTransport({ baseUrl: url, readMaxBytes: mostBytes, sessionManager });
}

type Sessions = Pick<Http2SessionManager, 'authority' | 'request' | 'notifyResponseByteRead'>;

/**
 * The manager stops listening to a connection that broke as soon as the next call asks for another, which may be before the
 * connection tells its error. An error that nobody hears ends the process; the calls have heard of it by then.
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
