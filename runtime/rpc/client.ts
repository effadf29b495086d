import type { DescMethodStreaming, DescMethodUnary, DescService } from '@bufbuild/protobuf';
import {
  type CallOptions,
  type Client,
  type ContextValues,
  createClient,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type Transport,
} from '@connectrpc/connect';
import type { ServiceIdentity } from '../caller/keyring.ts';
import { callerHeader, createServiceTokens } from '../caller/token.ts';
import type { Address } from '../config/config.ts';
import { timedOut, toConnectError } from '../errors/errors.ts';
import { histogram } from '../telemetry/metrics.ts';
import { metric } from '../telemetry/schema.ts';
import { endSpan, headersOf, startSpan, type TraceHeaders, tracingEnabled } from '../telemetry/tracing.ts';
import { requestIdOf, traceOf } from './call.ts';
import { budgetMs } from './deadline.ts';
import { failoverTransport } from './failover/failover-transport.ts';
import { statusName } from './status.ts';

interface MeshClientOptions {
  /** Where the service is: one address (a name may stand for many processes), or the address of each process. */
  readonly addresses: readonly Address[];
  /** The caller: every call carries a SERVICE caller token of this process. */
  readonly issuer: ServiceIdentity;
  /** The longest deadline of a unary call (default 2,000). Streams end by their signal. */
  readonly deadlineMs?: number;
  readonly maxResponseBytes?: number;
}

const parentKey = createContextKey<HandlerContext | undefined>(undefined);
const clientDuration = histogram(metric.clientDuration);

/** Ties a call to the one being served: passes on its deadline, cancellation, trace and request id. */
export function callFrom(context: HandlerContext, options: CallOptions = {}): CallOptions {
  const contextValues = (options.contextValues ?? createContextValues()).set(parentKey, context);
  return { signal: context.signal, ...options, contextValues };
}

/**
 * A typed client of a service of the mesh, over one kept-alive HTTP/2 connection per address. For what happens when one breaks see
 * failover-transport.ts.
 */
export function meshClient<Desc extends DescService>(descriptor: Desc, options: MeshClientOptions): Client<Desc> {
  return createClient(descriptor, meshTransport(options));
}

/** The transport of a client. */
function meshTransport({
  addresses,
  issuer,
  deadlineMs = 2_000,
  maxResponseBytes = 4_194_304,
}: MeshClientOptions): Transport {
  const inner = failoverTransport(addresses, maxResponseBytes);
  const tokenFor = createServiceTokens(issuer);
  const prepare = (
    method: DescMethodUnary | DescMethodStreaming,
    header: HeadersInit | undefined,
    values?: ContextValues,
  ) => {
    const parent = values?.get(parentKey);
    const fullName = `${method.parent.typeName}/${method.name}`;
    const span = tracingEnabled() ? startSpan(fullName, 'client', parent ? traceOf(parent) : {}) : undefined;
    return { fullName, span, parent, headers: outgoing(header, tokenFor(fullName), parent, span && headersOf(span)) };
  };
  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const { span, parent, headers } = prepare(method, header, contextValues);
      const startedAt = performance.now();
      let code = 0;
      try {
        const budget = budgetMs(timeoutMs ?? deadlineMs, parent?.timeoutMs());
        if (budget <= 0) throw timedOut('No time is left for the next hop.');
        return await inner.unary(method, signal, budget, headers, input, contextValues);
      } catch (error) {
        const known = toConnectError(error);
        code = known.code;
        throw known;
      } finally {
        const attributes = { service: method.parent.typeName, method: method.name, code: statusName(code) };
        clientDuration.record((performance.now() - startedAt) / 1_000, attributes);
        if (span) endSpan(span, statusName(code));
      }
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      const { span, headers } = prepare(method, header, contextValues);
      try {
        const response = await inner.stream(method, signal, timeoutMs, headers, input, contextValues);
        if (span) endSpan(span, 'ok');
        return { ...response, message: knownErrors(response.message) };
      } catch (error) {
        const known = toConnectError(error);
        if (span) endSpan(span, statusName(known.code));
        throw known;
      }
    },
  };
}

function outgoing(
  given: HeadersInit | undefined,
  token: string,
  parent: HandlerContext | undefined,
  trace: TraceHeaders = parent ? traceOf(parent) : {},
): Headers {
  const headers = new Headers(given);
  headers.set(callerHeader, token);
  if (parent) headers.set('x-request-id', requestIdOf(parent));
  if (trace.traceparent) headers.set('traceparent', trace.traceparent);
  if (trace.tracestate) headers.set('tracestate', trace.tracestate);
  return headers;
}

async function* knownErrors<Message>(messages: AsyncIterable<Message>): AsyncGenerator<Message> {
  try {
    yield* messages;
  } catch (error) {
    throw toConnectError(error);
  }
}
