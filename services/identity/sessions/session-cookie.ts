import type { HandlerContext } from '@connectrpc/connect';
import { forbidden } from '#runtime/errors/errors.ts';
import { addResponseMetadata, authorityOf, metadataOf } from '#runtime/rpc/call.ts';

/** The refresh token of a page in a browser, in a cookie that no script can read. */
export interface SessionCookie {
  /** Throws for a page of another origin, before anything is done for it. */
  admit(context: HandlerContext): void;
  /** Undefined: the browser holds none. */
  read(context: HandlerContext): string | undefined;
  write(context: HandlerContext, refreshToken: string): void;
  clear(context: HandlerContext): void;
}

interface CookieOptions {
  /** Of this installation: https makes the cookie Secure. */
  readonly publicUrl: string;
  readonly lifetimeSeconds: number;
}

/** Where Envoy puts what a browser sent as `cookie`, on the calls that may see one. */
const cookieHeader = 'x-hop-cookie';
/** The ways to the one call that has a use for it, gRPC-Web and REST: a cookie has one path, so there is one for each. */
const paths = ['/hop.identity.v1.IdentityService/RefreshSession', '/api/auth/refresh'];

export function createSessionCookie({ publicUrl, lifetimeSeconds }: CookieOptions): SessionCookie {
  const own = new URL(publicUrl);
  const isSecure = own.protocol === 'https:';
  // Under this prefix a browser takes the cookie from an encrypted connection alone.
  const name = isSecure ? '__Secure-hop_session' : 'hop_session';
  const set = (context: HandlerContext, value: string, seconds: number): void => {
    const attributes = `Max-Age=${seconds}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
    for (const path of paths)
      addResponseMetadata(context, 'set-cookie', `${name}=${value}; Path=${path}; ${attributes}`);
  };
  return {
    admit(context) {
      const origin = metadataOf(context, 'origin');
      if (origin === undefined || origin === own.origin || isSameHost(origin, authorityOf(context))) return;
      throw forbidden('ORIGIN_REFUSED', 'A session in a cookie can be used by pages of this installation alone.');
    },
    read(context) {
      const start = `${name}=`;
      const pairs = metadataOf(context, cookieHeader)?.split(';') ?? [];
      const pair = pairs.map((text) => text.trim()).find((text) => text.startsWith(start));
      return pair?.slice(start.length);
    },
    write: (context, refreshToken) => set(context, refreshToken, lifetimeSeconds),
    clear: (context) => set(context, '', 0),
  };
}

/** Whether a page's origin is the host that its call was sent to; a default port may be said or not. */
function isSameHost(origin: string, authority: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host } = new URL(origin);
  const sentTo = `${protocol}//${authority}`;
  return URL.canParse(sentTo) && new URL(sentTo).host === host;
}
