import type { HandlerContext } from '@connectrpc/connect';
import { forbidden } from '#runtime/errors/errors.ts';
import { addResponseMetadata, authorityOf, metadataOf } from '#runtime/rpc/call.ts';

/** The refresh token of a browser page, in a cookie that no script can read. */
export interface SessionCookie {
  /** Throws for a page of another origin, before anything is done for it. */
  admit(context: HandlerContext): void;
  /** Undefined: the browser has none. */
  read(context: HandlerContext): string | undefined;
  write(context: HandlerContext, refreshToken: string): void;
  clear(context: HandlerContext): void;
}

interface CookieOptions {
  /** The URL of this installation: https makes the cookie Secure. */
  readonly publicUrl: string;
  readonly lifetimeSeconds: number;
}

/** Where Envoy puts a browser's `cookie` header, for the calls that may see it. */
const cookieHeader = 'x-hop-cookie';
/** The paths of the one call that uses it, gRPC-Web and REST: a cookie has one path, so there is one for each. */
const paths = ['/hop.identity.v1.IdentityService/RefreshSession', '/api/auth/refresh'];

export function createSessionCookie({ publicUrl, lifetimeSeconds }: CookieOptions): SessionCookie {
  const own = new URL(publicUrl);
  const isSecure = own.protocol === 'https:';
  // With this prefix a browser accepts the cookie only over an encrypted connection.
  const name = isSecure ? '__Secure-hop_session' : 'hop_session';
  const set = (context: HandlerContext, value: string, seconds: number): void => {
    const attributes = `Max-Age=${seconds}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
    for (const path of paths)
      addResponseMetadata(context, 'set-cookie', `${name}=${value}; Path=${path}; ${attributes}`);
  };
  return {
    admit(context) {
      const origin = metadataOf(context, 'origin');
      if (origin === undefined || origin === own.origin) return;
      if ((!isSecure || isUntouched(origin)) && isSameHost(origin, authorityOf(context))) return;
      throw forbidden('ORIGIN_REFUSED', 'A session in a cookie can only be used by pages of this installation.');
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

/** Whether nobody on the way can have sent the page: it came over TLS, or from the browser's own machine. */
function isUntouched(origin: string): boolean {
  return /^https:|^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::|$)/.test(origin);
}

/** Whether a page's origin is the host that its call was sent to; a default port may be given or omitted. */
function isSameHost(origin: string, authority: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host } = new URL(origin);
  const sentTo = `${protocol}//${authority}`;
  return URL.canParse(sentTo) && new URL(sentTo).host === host;
}
