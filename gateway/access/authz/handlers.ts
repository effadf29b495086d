import type { ServiceImpl } from '@connectrpc/connect';
import type { AttributeContext_HttpRequest } from '#gen-envoy/service/auth/v3/attribute_context_pb.ts';
import type { Authorization, CheckRequest } from '#gen-envoy/service/auth/v3/external_auth_pb.ts';
import type { ServiceIdentity } from '#runtime/caller/keyring.ts';
import { callerHeader, mintCaller } from '#runtime/caller/token.ts';
import { HopError, internal } from '#runtime/errors/errors.ts';
import { logFields } from '#runtime/rpc/call.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { Authenticate } from './authenticate.ts';
import { readCredential } from './credentials.ts';
import { type CheckAnswer, denied, header, protocolOf } from './denied.ts';

interface Dependencies {
  readonly authenticate: Authenticate;
  /** gateway-access: the only process whose word about persons is taken. */
  readonly issuer: ServiceIdentity;
  readonly log: Log;
}

/** Credentials end here: what goes on to a service is the caller token alone. */
const neverUpstream = ['authorization', 'proxy-authorization', 'cookie', 'x-api-key'];

const decisions = counter(metric.authorizations);

/** Envoy's ext_authz. Refusals are answers; no call of Envoy's fails because of what a client sent. */
export function createAuthorization({ authenticate, issuer, log }: Dependencies): ServiceImpl<typeof Authorization> {
  async function allowed(request: CheckRequest): Promise<CheckAnswer & { kind: string }> {
    const { method, isAnonymous, http } = askedFor(request);
    if (isAnonymous) return { kind: 'anonymous', ...ok([], [...neverUpstream, callerHeader]) };
    const requestId = http.headers['x-request-id'];
    if (!requestId) throw internal(new Error('Envoy sent no x-request-id.'));
    const person = await authenticate(readCredential(http.headers.authorization));
    const token = mintCaller(issuer, person, { method, requestId });
    return { kind: person.kind, ...ok([header(callerHeader, token)], neverUpstream) };
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
        return denied(error, protocolOf(request.attributes?.request?.http?.headers['content-type']));
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

function ok(headers: ReturnType<typeof header>[], headersToRemove: string[]): CheckAnswer {
  return { status: { code: 0 }, httpResponse: { case: 'okResponse', value: { headers, headersToRemove } } };
}
