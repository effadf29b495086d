import { Code } from '@connectrpc/connect';
import type {
  Metadata,
  Server,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import { checkAccess, isOpen } from '../../caller/access.ts';
import { type CallerVerifier, callerHeader } from '../../caller/token.ts';
import { canceled, timedOut, toConnectError } from '../../errors/errors.ts';
import { CallContext, type IncomingCall, metadataOf } from '../call.ts';
import { deadlineOf } from '../deadline.ts';
import type { Endpoint, Registration } from '../endpoint.ts';
import { decoderOf, encode, refuseUnreadable } from '../messages.ts';
import { statusOf } from '../status.ts';
import type { CallObserver } from './call-observer.ts';

/** What the calls of one server share. */
export interface Host {
  readonly verify: CallerVerifier;
  readonly observer: CallObserver;
  readonly maxRequestBytes: number;
  /** Ends the open streams with an error, when the process stops. */
  readonly streams: Set<(error: unknown) => void>;
}

type ServerStream = ServerWritableStream<unknown, Buffer> | ServerDuplexStream<unknown, Buffer>;

/** Serves a registration on a grpc-js server: handlers of Connect's shape behind its descriptors. */
export function bridge(server: Server, registration: Registration, host: Host): void {
  for (const endpoint of registration.endpoints) {
    const { method } = endpoint;
    const path = `/${endpoint.fullName}`;
    const decode = decoderOf(method.input, host.maxRequestBytes);
    const kind = method.methodKind;
    if (kind === 'unary') server.register(path, unary(endpoint, host), identity, decode, 'unary');
    else if (kind === 'server_streaming')
      server.register(path, serverStream(endpoint, host), identity, decode, 'serverStream');
    else server.register(path, duplex(endpoint, host), identity, decode, 'bidi');
  }
}

function unary(endpoint: Endpoint, host: Host) {
  return (call: ServerUnaryCall<unknown, Buffer>, callback: sendUnaryData<Buffer>): void => {
    const context = begin(endpoint, host, call);
    let answer: unknown;
    try {
      admit(endpoint, host, context);
      admitRequest(endpoint, call.request);
      answer = endpoint.handler(call.request, context);
    } catch (error) {
      failUnary(endpoint, host, context, callback, error);
      return;
    }
    if (!isPromise(answer)) {
      answerUnary(endpoint, host, context, callback, answer);
      return;
    }
    // Only a call that waits can miss its deadline or be abandoned: one answered at once needs neither timer nor listener.
    context.timer = setTimeout(expireUnary, context.deadlineAt - Date.now(), endpoint, host, context, callback);
    call.on('cancelled', () => leave(endpoint, host, context));
    answer.then(
      (value) => answerUnary(endpoint, host, context, callback, value),
      (error: unknown) => failUnary(endpoint, host, context, callback, error),
    );
  };
}

function answerUnary(
  endpoint: Endpoint,
  host: Host,
  context: CallContext,
  callback: sendUnaryData<Buffer>,
  answer: unknown,
): void {
  if (context.done) return;
  let bytes: Buffer;
  let initial: Metadata | undefined;
  let trailers: Metadata | undefined;
  try {
    bytes = encode(endpoint.method.output, answer);
    initial = context.takeInitialMetadata();
    trailers = context.takeTrailers();
  } catch (error) {
    failUnary(endpoint, host, context, callback, error);
    return;
  }
  if (initial) context.call.sendMetadata(initial);
  callback(null, bytes, trailers);
  finish(endpoint, host, context, 0);
}

/** Sends no initial metadata: the response is trailers-only, which is how Retry-After reaches HTTP. */
function failUnary(
  endpoint: Endpoint,
  host: Host,
  context: CallContext,
  callback: sendUnaryData<Buffer>,
  error: unknown,
): void {
  if (context.done) return;
  const onWire = toConnectError(error);
  callback(statusOf(onWire, leadingMetadata(context)));
  finish(endpoint, host, context, onWire.code, error);
}

function expireUnary(endpoint: Endpoint, host: Host, context: CallContext, callback: sendUnaryData<Buffer>): void {
  const late = timedOut();
  context.abort(late);
  failUnary(endpoint, host, context, callback, late);
}

function serverStream(endpoint: Endpoint, host: Host) {
  return (call: ServerWritableStream<unknown, Buffer>): void => {
    const context = begin(endpoint, host, call);
    const answers = (): unknown => {
      admit(endpoint, host, context);
      admitRequest(endpoint, call.request);
      return endpoint.handler(call.request, context);
    };
    void pump(endpoint, host, context, call, answers);
  };
}

function duplex(endpoint: Endpoint, host: Host) {
  return (call: ServerDuplexStream<unknown, Buffer>): void => {
    const context = begin(endpoint, host, call);
    const answers = (): unknown => {
      admit(endpoint, host, context);
      return endpoint.handler(requestsOf(endpoint, call), context);
    };
    void pump(endpoint, host, context, call, answers);
  };
}

async function* requestsOf(endpoint: Endpoint, call: ServerDuplexStream<unknown, Buffer>): AsyncGenerator<unknown> {
  try {
    for await (const request of call.iterator({ destroyOnReturn: false })) {
      admitRequest(endpoint, request);
      yield request;
    }
  } catch (error) {
    throw call.cancelled ? canceled() : error;
  }
}

/** Sends what the handler yields, no faster than the other side reads, until the handler ends or fails, the caller leaves or the deadline passes. */
async function pump(
  endpoint: Endpoint,
  host: Host,
  context: CallContext,
  call: ServerStream,
  open: () => unknown,
): Promise<void> {
  let sent = false;
  const fail = (error: unknown): void => {
    if (context.done) return;
    const onWire = toConnectError(error);
    call.emit('error', statusOf(onWire, sent ? undefined : leadingMetadata(context)));
    finish(endpoint, host, context, onWire.code, error);
    host.streams.delete(fail);
  };
  host.streams.add(fail);
  call.on('cancelled', () => {
    leave(endpoint, host, context);
    host.streams.delete(fail);
  });
  if (context.deadlineAt !== Number.POSITIVE_INFINITY) {
    context.timer = setTimeout(() => fail(timedOut()), context.deadlineAt - Date.now());
  }
  try {
    for await (const answer of open() as AsyncIterable<unknown>) {
      if (context.done) return;
      const bytes = encode(endpoint.method.output, answer);
      if (!sent) sendInitialMetadata(context);
      sent = true;
      if (!call.write(bytes)) await drained(call, context.signal);
      if (context.done) return;
    }
    if (context.done) return;
    if (!sent) sendInitialMetadata(context);
    call.end(context.takeTrailers());
    finish(endpoint, host, context, 0);
    host.streams.delete(fail);
  } catch (error) {
    fail(error);
  }
}

function drained(call: ServerStream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      call.off('drain', go);
      signal.removeEventListener('abort', go);
      resolve();
    };
    call.on('drain', go);
    signal.addEventListener('abort', go);
    if (signal.aborted) go();
  });
}

function begin(endpoint: Endpoint, host: Host, call: IncomingCall): CallContext {
  const deadline = call.getDeadline();
  const requested = typeof deadline === 'number' ? deadline : deadline.getTime();
  const isStream = endpoint.method.methodKind !== 'unary';
  const context = new CallContext(
    endpoint.method,
    call,
    performance.now(),
    deadlineOf(requested, Date.now(), isStream),
  );
  host.observer.started(endpoint, context);
  return context;
}

/** Checks the deadline, then the caller: a call refused here has cost the handler nothing. */
function admit(endpoint: Endpoint, host: Host, context: CallContext): void {
  if (context.deadlineAt <= Date.now()) throw timedOut('The call arrived with no time left to answer it.');
  if (isOpen(endpoint.rule)) return;
  const token = metadataOf(context, callerHeader);
  if (token !== undefined) {
    context.caller = host.verify(token, { method: endpoint.fullName, requestId: context.requestId });
  }
  checkAccess(endpoint.rule, context.caller);
}

function admitRequest(endpoint: Endpoint, request: unknown): void {
  refuseUnreadable(request);
  endpoint.check?.(request as Parameters<typeof endpoint.check>[0]);
}

/** The caller left, or the deadline passed in grpc-js: nobody is left to answer. */
function leave(endpoint: Endpoint, host: Host, context: CallContext): void {
  if (context.done) return;
  context.abort(canceled());
  finish(endpoint, host, context, Code.Canceled);
}

function finish(endpoint: Endpoint, host: Host, context: CallContext, code: 0 | Code, cause?: unknown): void {
  context.done = true;
  clearTimeout(context.timer);
  context.abort(endOfCall);
  host.observer.finished(endpoint, context, code, cause);
}

const endOfCall = new DOMException('The call is over.', 'AbortError');

function sendInitialMetadata(context: CallContext): void {
  const initial = context.takeInitialMetadata();
  if (initial) context.call.sendMetadata(initial);
}

/** What a handler wanted to send first; a value that cannot be sent must not hide the error. */
function leadingMetadata(context: CallContext): Metadata | undefined {
  try {
    return context.takeInitialMetadata();
  } catch {
    return undefined;
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function identity(bytes: Buffer): Buffer {
  return bytes;
}
