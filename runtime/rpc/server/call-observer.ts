import { Code } from '@connectrpc/connect';
import type { Caller } from '../../caller/token.ts';
import { HopError } from '../../errors/errors.ts';
import type { Log } from '../../telemetry/log.ts';
import { describeError } from '../../telemetry/log.ts';
import { histogram, observe } from '../../telemetry/metrics.ts';
import { metric } from '../../telemetry/schema.ts';
import { endSpan, startSpan, tracingEnabled } from '../../telemetry/tracing.ts';
import type { CallContext } from '../call.ts';
import { metadataOf } from '../call.ts';
import type { Endpoint } from '../endpoint.ts';
import { type StatusCode, statusName } from '../status.ts';

const serverDuration = histogram(metric.serverDuration);

export interface CallObserver {
  started(endpoint: Endpoint, context: CallContext): void;
  /** cause: what a handler threw, if it did. */
  finished(endpoint: Endpoint, context: CallContext, code: StatusCode, cause?: unknown): void;
  inFlight(): number;
  stop(): void;
}

interface ObserverOptions {
  readonly log: Log;
  /** Methods whose successes are logged at level debug. */
  readonly hot: ReadonlySet<string>;
}

/** One log line, one measurement and, when traced, one span for each call. */
export function createCallObserver({ log, hot }: ObserverOptions): CallObserver {
  let inFlight = 0;
  const release = observe(metric.serverInFlight, {}, () => inFlight);

  function levelOf(endpoint: Endpoint, code: StatusCode, cause: unknown): 'debug' | 'info' | 'warn' | 'error' {
    if (code === 0) return hot.has(endpoint.fullName) ? 'debug' : 'info';
    if (code === Code.Internal || code === Code.Unknown || code === Code.DataLoss) return 'error';
    if (cause instanceof HopError && cause.reason === 'SHUTTING_DOWN') return 'info';
    return code === Code.Unavailable || code === Code.DeadlineExceeded ? 'warn' : 'info';
  }

  return {
    started(endpoint, context) {
      inFlight++;
      if (tracingEnabled()) context.span = startSpan(endpoint.fullName, 'server', incomingTrace(context));
    },
    finished(endpoint, context, code, cause) {
      inFlight--;
      const latencyMs = performance.now() - context.startedAt;
      serverDuration.record(latencyMs / 1_000, endpoint.attributes(code));
      if (context.span) endSpan(context.span, statusName(code));
      const level = levelOf(endpoint, code, cause);
      if (log.isLevelEnabled(level)) log[level](lineOf(endpoint, context, code, latencyMs, cause), 'call');
    },
    inFlight: () => inFlight,
    stop: release,
  };
}

function lineOf(endpoint: Endpoint, context: CallContext, code: StatusCode, latencyMs: number, cause: unknown): object {
  const caller = context.caller;
  return {
    request_id: context.requestId,
    service: endpoint.service,
    method: endpoint.name,
    code: statusName(code),
    latency_ms: Math.round(latencyMs * 1_000) / 1_000,
    ...(context.span ? { trace_id: context.span.spanContext().traceId } : {}),
    ...(caller ? callerFields(caller) : {}),
    ...context.fields,
    ...(cause === undefined ? {} : { failure: describeCause(code, cause) }),
  };
}

/** The caller, only by identifiers: they tell afterwards what a leaked credential was used for. */
function callerFields(caller: Caller): object {
  if (caller.kind === 'service') return { caller: caller.service };
  const { kind, userId, workspaceId, credentialId } = caller;
  return { caller: kind, user_id: userId, workspace_id: workspaceId, credential_id: credentialId };
}

/** A refusal needs no stack; a fault does. */
function describeCause(code: StatusCode, cause: unknown): object {
  const { stack, ...rest } = describeError(cause);
  const reason =
    cause instanceof Error && 'reason' in cause && typeof cause.reason === 'string' ? { reason: cause.reason } : {};
  return code === Code.Internal || code === Code.Unknown ? { ...reason, ...rest, stack } : { ...reason, ...rest };
}

function incomingTrace(context: CallContext): { traceparent?: string; tracestate?: string } {
  const traceparent = metadataOf(context, 'traceparent');
  const tracestate = metadataOf(context, 'tracestate');
  return { ...(traceparent === undefined ? {} : { traceparent }), ...(tracestate === undefined ? {} : { tracestate }) };
}
