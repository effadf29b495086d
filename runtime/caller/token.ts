import { sign, verify } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { LRUCache } from 'lru-cache';
import { CallerKind, type CallerToken, CallerTokenSchema } from '#gen/identity/v1/caller_pb.ts';
import { unauthenticated } from '../errors/errors.ts';
import type { Keyring, ServiceIdentity } from './keyring.ts';

/** Metadata key that the token travels under. */
export const callerHeader = 'x-hop-caller';

/** A person, by a session or by an API key. Ids are UUIDs. */
export interface PersonCaller {
  readonly kind: 'user' | 'api_key';
  readonly userId: string;
  readonly workspaceId: string;
  /** "owner", "admin", "member" or "viewer". */
  readonly role: string;
  readonly scopes: readonly string[];
  /** The session or the API key. */
  readonly credentialId: string;
  /** When an API key expires, in milliseconds since 1970; absent: never, or it is a session, which only a revocation ends. */
  readonly credentialEndsAtMs?: number;
}

/** A process of the mesh. */
export interface ServiceCaller {
  readonly kind: 'service';
  /** The process type, for example "resolver". */
  readonly service: string;
}

export type Caller = PersonCaller | ServiceCaller;

/** The one call that a token is valid for. */
export interface CallBinding {
  /** For example "hop.link.v1.LinkService/CreateLink". */
  readonly method: string;
  /** The x-request-id; empty for a SERVICE token, which is reused. */
  readonly requestId: string;
}

const signedPrefix = 'hop-caller-v1.';
const personLifetimeMs = 30_000;
const serviceLifetimeMs = 60_000;
const skewMs = 5_000;
const longestLifetimeMs = 120_000;
const longestToken = 8_192;
/** The processes trusted to say that a person is calling; every other process speaks only for itself. */
const personIssuers: ReadonlySet<string> = new Set(['gateway-access']);

const kinds = {
  user: CallerKind.USER,
  api_key: CallerKind.API_KEY,
  service: CallerKind.SERVICE,
} as const;

/** Signs a token. Only tokens by gateway-access are accepted for persons. */
export function mintCaller(
  identity: ServiceIdentity,
  caller: Caller,
  call: CallBinding,
  now: number = Date.now(),
): string {
  const person = caller.kind === 'service' ? undefined : caller;
  const lifetimeMs = person ? personLifetimeMs : serviceLifetimeMs;
  const token = create(CallerTokenSchema, {
    issuer: identity.issuer,
    keyId: identity.keyId,
    kind: kinds[caller.kind],
    subject: person ? person.userId : identity.issuer,
    workspaceId: person?.workspaceId ?? '',
    role: person?.role ?? '',
    scopes: [...(person?.scopes ?? [])],
    credentialId: person?.credentialId ?? '',
    ...(person?.credentialEndsAtMs === undefined
      ? {}
      : { credentialExpiresAt: timestampFromMs(person.credentialEndsAtMs) }),
    method: call.method,
    requestId: call.requestId,
    issuedAt: timestampFromMs(now),
    expiresAt: timestampFromMs(now + lifetimeMs),
  });
  const payload = Buffer.from(toBinary(CallerTokenSchema, token)).toString('base64url');
  const signature = sign(null, Buffer.from(signedPrefix + payload), identity.privateKey);
  return `${payload}.${signature.toString('base64url')}`;
}

/** This process's own token for a method; renewed when two thirds of its life are over, or when the clock was set back to before it was issued. */
export function createServiceTokens(identity: ServiceIdentity): (method: string, now?: number) => string {
  const tokens = new Map<string, { token: string; madeAt: number }>();
  return (method, now = Date.now()) => {
    const held = tokens.get(method);
    if (held && held.madeAt <= now && now < held.madeAt + (serviceLifetimeMs * 2) / 3) return held.token;
    const caller: Caller = { kind: 'service', service: identity.issuer };
    const token = mintCaller(identity, caller, { method, requestId: '' }, now);
    tokens.set(method, { token, madeAt: now });
    return token;
  };
}

/** Returns the caller; throws UNAUTHENTICATED when the token is not valid for this call. */
export type CallerVerifier = (token: string, call: CallBinding, now?: number) => Caller;

/** SERVICE tokens are sent repeatedly, so valid signatures are cached (verifying Ed25519 costs some 60 us). */
export function createVerifier(keyring: Keyring): CallerVerifier {
  const verified = new LRUCache<string, CallerToken>({ max: 1_000 });
  return (token, call, now = Date.now()) => {
    let content = verified.get(token);
    if (!content) {
      content = checkSignature(keyring, token);
      if (content.kind === CallerKind.SERVICE) verified.set(token, content);
    }
    checkBinding(content, call, now);
    return callerFrom(content);
  };
}

/** One check without a cache; see createVerifier. */
export function verifyCaller(keyring: Keyring, token: string, call: CallBinding, now: number = Date.now()): Caller {
  const content = checkSignature(keyring, token);
  checkBinding(content, call, now);
  return callerFrom(content);
}

function checkSignature(keyring: Keyring, token: string): CallerToken {
  const [payload, signature, more] = token.length > longestToken ? [] : token.split('.');
  if (!payload || !signature || more !== undefined) throw refused('The caller token is malformed.');
  let content: CallerToken;
  try {
    content = fromBinary(CallerTokenSchema, Buffer.from(payload, 'base64url'));
  } catch {
    throw refused('The caller token is malformed.');
  }
  const key = keyring.get(content.keyId);
  if (!key || key.issuer !== content.issuer) throw refused('The caller token is signed by an unknown key.');
  if (!verify(null, Buffer.from(signedPrefix + payload), key.publicKey, Buffer.from(signature, 'base64url'))) {
    throw refused('The signature of the caller token is wrong.');
  }
  return content;
}

function checkBinding(content: CallerToken, call: CallBinding, now: number): void {
  const isService = content.kind === CallerKind.SERVICE;
  if (!isService && !personIssuers.has(content.issuer)) throw refused('The issuer may not act for persons.');
  if (isService && content.subject !== content.issuer) throw refused('A process may only act for itself.');
  if (content.method !== call.method) throw refused('The caller token is for another call.');
  if (content.requestId !== (isService ? '' : call.requestId))
    throw refused('The caller token is for another request.');
  if (!content.issuedAt || !content.expiresAt) throw refused('The caller token has no times.');
  const issuedAt = timestampMs(content.issuedAt);
  const expiresAt = timestampMs(content.expiresAt);
  if (expiresAt - issuedAt > longestLifetimeMs) throw refused('The lifetime of the caller token is too long.');
  if (issuedAt > now + skewMs || expiresAt <= now - skewMs)
    throw refused('The caller token is not valid at this time.');
}

function callerFrom(content: CallerToken): Caller {
  switch (content.kind) {
    case CallerKind.SERVICE:
      return { kind: 'service', service: content.subject };
    case CallerKind.USER:
    case CallerKind.API_KEY:
      if (!content.subject || !content.workspaceId) throw refused('The caller token names nobody.');
      return {
        kind: content.kind === CallerKind.USER ? 'user' : 'api_key',
        userId: content.subject,
        workspaceId: content.workspaceId,
        role: content.role,
        scopes: content.scopes,
        credentialId: content.credentialId,
        ...(content.credentialExpiresAt ? { credentialEndsAtMs: timestampMs(content.credentialExpiresAt) } : {}),
      };
    default:
      throw refused('The caller token does not say what kind of caller it is.');
  }
}

function refused(message: string): Error {
  return unauthenticated('CALLER_INVALID', message);
}
