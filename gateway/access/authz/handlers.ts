import type { JsonObject } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import type { AttributeContext_HttpRequest } from '#gen-envoy/service/auth/v3/attribute_context_pb.ts';
import type { Authorization, CheckRequest } from '#gen-envoy/service/auth/v3/external_auth_pb.ts';
import type { ServiceIdentity } from '#runtime/caller/keyring.ts';
import { callerHeader, mintCaller, type PersonCaller } from '#runtime/caller/token.ts';
import { HopError, internal, limited } from '#runtime/errors/errors.ts';
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
  /** gateway-access: the only process whose word about persons is taken. */
  readonly issuer: ServiceIdentity;
  readonly log: Log;
}

/** Credentials end here: what goes on to a service is the caller token alone. */
const neverUpstream = ['authorization', 'proxy-authorization', 'cookie', 'x-api-key'];

const decisions = counter(metric.authorizations);

/** Envoy's ext_authz. Refusals are answers; no call of Envoy's fails because of what a client sent. */
export function createAuthorization(dependencies: Dependencies): ServiceImpl<typeof Authorization> {
  const { authenticate, buckets, issuer, log } = dependencies;

  async function allowed(request: CheckRequest): Promise<CheckAnswer & { kind: string }> {
    const { method, isAnonymous, http } = askedFor(request);
    if (isAnonymous) return { kind: 'anonymous', ...ok([], [...neverUpstream, callerHeader]) };
    const requestId = http.headers['x-request-id'];
    if (!requestId) throw internal(new Error('Envoy sent no x-request-id.'));
    const person = await authenticate(readCredential(http.headers.authorization));
    const token = mintCaller(issuer, person, { method, requestId });
    return { kind: person.kind, ...ok([header(callerHeader, token)], neverUpstream, countedAs(person)) };
  }

  /**
   * Credentials that do not hold count as none. Those that came without are counted by Envoy, before they get here; who is
   * refused by the count learns it in place of what is wrong with the credentials, while good ones still pass.
   */
  async function overLimit({ reason }: HopError, { attributes }: CheckRequest): Promise<Decision | undefined> {
    if (!reason.startsWith('CREDENTIALS_') || attributes?.request?.http?.headers.authorization === undefined) return;
    const { address } = attributes.source?.address ?? {};
    const subject = address?.case === 'socketAddress' ? addressPrefix(address.value.address) : undefined;
    if (subject === undefined) return;
    const decision = (await buckets.take([{ limit: 'anonymous', subject }]))?.[0];
    return decision?.allowed === false ? decision : undefined;
  }

  return {
    async check(request, context) {
      try {
        const { kind, ...answer } = await allowed(request);
        decisions.add(1, { kind, outcome: 'allowed' });
        return answer;
      } catch (thrown) {
        const error = thrown instanceof HopError ? thrown : internal(thrown);
        if (error.kind === 'internal') log.error({ err: error }, 'a request could not be judged');
        logFields(context).denied = error.reason;
        decisions.add(1, { kind: 'nobody', outcome: error.kind });
        const protocol = protocolOf(request.attributes?.request?.http?.headers['content-type']);
        const over = await overLimit(error, request);
        return over ? denied(tooMany(over), protocol, rateLimitHeaders(over)) : denied(error, protocol);
      }
    },
  };
}

interface AskedFor {
  /** For example "hop.link.v1.LinkService/CreateLink". */
  readonly method: string;
  readonly isAnonymous: boolean;
  readonly http: AttributeContext_HttpRequest;
}

/** The route says which RPC a request is, never the request. A route that says nothing lets nobody through. */
function askedFor({ attributes }: CheckRequest): AskedFor {
  const method = attributes?.contextExtensions.rpc;
  const http = attributes?.request?.http;
  if (!method || !http) throw internal(new Error('The route does not say which RPC it leads to.'));
  return { method, isAnonymous: attributes.contextExtensions.anonymous === 'true', http };
}

function ok(
  headers: ReturnType<typeof header>[],
  headersToRemove: string[],
  dynamicMetadata: JsonObject = {},
): CheckAnswer {
  const value = { headers, headersToRemove };
  return { status: { code: 0 }, httpResponse: { case: 'okResponse', value }, dynamicMetadata };
}

/** Whom Envoy's rate limit, which comes next, counts this call for: a person in all sessions, or one API key. */
function countedAs({ kind, userId, credentialId }: PersonCaller): JsonObject {
  return { caller: kind === 'api_key' ? `key:${credentialId}` : `user:${userId}` };
}

function tooMany({ retryAfterSeconds }: Decision): HopError {
  return limited('RATE_LIMITED', 'Too many calls without good credentials.', retryAfterSeconds * 1_000);
}
