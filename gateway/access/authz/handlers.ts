import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import type { AttributeContext_HttpRequest } from '#gen-envoy/service/auth/v3/attribute_context_pb.ts';
import type { Authorization, CheckRequest, OkHttpResponseSchema } from '#gen-envoy/service/auth/v3/external_auth_pb.ts';
import type { ServiceIdentity } from '#runtime/caller/keyring.ts';
import { callerHeader, mintCaller, type PersonCaller } from '#runtime/caller/token.ts';
import { HopError, internal } from '#runtime/errors/errors.ts';
import { addressPrefix } from '#runtime/limits/address-prefix.ts';
import { logFields } from '#runtime/rpc/call.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { type Buckets, type Decision, rateLimitHeaders } from '../ratelimit/buckets.ts';
import type { Authenticate } from './authenticate.ts';
import { readCredential } from './credentials.ts';
import { type CheckAnswer, denied, header, protocolOf } from './denied.ts';

interface Dependencies {
  readonly authenticate: Authenticate;
  readonly buckets: Buckets;
  /** gateway-access: the only process trusted to identify persons. */
  readonly issuer: ServiceIdentity;
  readonly log: Log;
}

/** Credentials end here: only the caller token is passed on to a service. */
const neverUpstream = ['authorization', 'proxy-authorization', 'cookie', 'x-api-key'];

const decisions = counter(metric.authorizations);

/** Envoy's ext_authz. Refusals are normal responses; no call from Envoy fails because of what a client sent. */
export function createAuthorization(dependencies: Dependencies): ServiceImpl<typeof Authorization> {
  const { authenticate, buckets, issuer, log } = dependencies;

  async function allowed(request: CheckRequest, admit: () => Promise<void>): Promise<CheckAnswer & { kind: string }> {
    const { method, isAnonymous, takesCookie, http } = askedFor(request);
    if (isAnonymous) {
      const credentials = takesCookie ? neverUpstream.filter((name) => name !== 'cookie') : neverUpstream;
      return { kind: 'anonymous', ...ok({ headersToRemove: [...credentials, callerHeader] }) };
    }
    const requestId = http.headers['x-request-id'];
    if (!requestId) throw internal(new Error('Envoy sent no x-request-id.'));
    const person = await authenticate(readCredential(http.headers.authorization), admit);
    const caller = subjectOf(person);
    const counted = (await buckets.take([{ limit: 'caller', subject: caller }]))?.[0];
    if (counted?.allowed === false) throw new OverLimit(counted, 'Too many calls by this person or API key.');
    const token = mintCaller(issuer, person, { method, requestId });
    const told = Object.entries(limitToldTo(request, counted));
    return {
      kind: person.kind,
      ...ok({
        headers: [header(callerHeader, token)],
        headersToRemove: neverUpstream,
        responseHeadersToAdd: told.map(([key, value]) => header(key, value)),
      }),
      dynamicMetadata: { caller },
    };
  }

  /** Takes the call from the bucket of its address; throws when that is empty. */
  async function takeAnonymous({ attributes }: CheckRequest): Promise<void> {
    const subject = addressPrefix(addressOf(attributes));
    if (subject === undefined) return;
    const decision = (await buckets.take([{ limit: 'anonymous', subject }]))?.[0];
    if (decision?.allowed === false) throw new OverLimit(decision, 'Too many calls without valid credentials.');
  }

  /**
   * Invalid credentials count as none. Calls without any were counted by Envoy, before they get here; a client over the limit is told that
   * instead of what is wrong with its credentials, while valid ones known here still pass.
   */
  async function refusalOf(thrown: unknown, request: CheckRequest, count: () => Promise<void>): Promise<HopError> {
    const error = thrown instanceof HopError ? thrown : internal(thrown);
    if (error.kind === 'internal') log.error({ err: error }, 'a request could not be checked');
    const { authorization } = request.attributes?.request?.http?.headers ?? {};
    if (!error.reason.startsWith('CREDENTIALS_') || authorization === undefined) return error;
    return count().then(
      () => error,
      (over: unknown) => (over instanceof OverLimit ? over : error),
    );
  }

  return {
    async check(request, context) {
      let counting: Promise<void> | undefined;
      // A call counts once, whether before identity is asked about its key or after the key was refused.
      const count = (): Promise<void> => (counting ??= takeAnonymous(request));
      try {
        const { kind, ...answer } = await allowed(request, count);
        decisions.add(1, { kind, outcome: 'allowed' });
        return answer;
      } catch (thrown) {
        const error = await refusalOf(thrown, request, count);
        logFields(context).denied = error.reason;
        decisions.add(1, { kind: 'nobody', outcome: error.kind });
        const protocol = protocolOf(request.attributes?.request?.http?.headers['content-type']);
        return denied(error, protocol, limitToldTo(request, error instanceof OverLimit ? error.decision : undefined));
      }
    },
  };
}

/** Of two limits a client is told one: where the call has a limit of its own, that, by the filter of Envoy that asks for it. */
function limitToldTo({ attributes }: CheckRequest, decision: Decision | undefined): Record<string, string> {
  return decision && attributes?.contextExtensions.own_limit !== 'true' ? rateLimitHeaders(decision) : {};
}

interface AskedFor {
  /** For example "hop.link.v1.LinkService/CreateLink". */
  readonly method: string;
  readonly isAnonymous: boolean;
  /** Whether the service may see the browser's session cookie. */
  readonly takesCookie: boolean;
  readonly http: AttributeContext_HttpRequest;
}

/** The route says which RPC a request is for, never the request itself. A route that says nothing lets nobody through. */
function askedFor({ attributes }: CheckRequest): AskedFor {
  const method = attributes?.contextExtensions.rpc;
  const http = attributes?.request?.http;
  if (!method || !http) throw internal(new Error('The route does not say which RPC it leads to.'));
  const { anonymous, session_cookie } = attributes.contextExtensions;
  // Envoy's router removes the cookie itself: it is passed on under a name of ours.
  return { method, isAnonymous: anonymous === 'true', takesCookie: session_cookie === 'true', http };
}

/** The client's address as Envoy determined it; the peer may be a proxy in front. Empty: Envoy did not say. */
function addressOf(attributes: CheckRequest['attributes']): string {
  const peer = attributes?.source?.address?.address;
  const fallback = peer?.case === 'socketAddress' ? peer.value.address : '';
  return attributes?.request?.http?.headers['x-envoy-external-address'] ?? fallback;
}

const ok = (value: MessageInitShape<typeof OkHttpResponseSchema>): CheckAnswer => ({
  status: { code: 0 },
  httpResponse: { case: 'okResponse', value },
});

/** The subject for which a call is counted, here and by Envoy itself: a person across all sessions, or one API key. */
function subjectOf({ kind, userId, credentialId }: PersonCaller): string {
  return kind === 'api_key' ? `key:${credentialId}` : `user:${userId}`;
}

/** Refused by the rate limit, which the client is told. */
class OverLimit extends HopError {
  readonly decision: Decision;
  constructor(decision: Decision, message: string) {
    super('limited', 'RATE_LIMITED', message, { retryAfterMs: decision.retryAfterSeconds * 1_000 });
    this.decision = decision;
  }
}
