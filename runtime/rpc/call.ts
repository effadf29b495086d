import { randomUUID } from 'node:crypto';
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { type ContextValues, createContextKey, createContextValues, type HandlerContext } from '@connectrpc/connect';
import { Metadata, type ServerDuplexStream, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import type { Span } from '@opentelemetry/api';
import type { Caller } from '../caller/token.ts';
import { headersOf, type TraceHeaders } from '../telemetry/tracing.ts';

/** What a handler may add to the log line of its call: never addresses, credentials or destinations. */
export type LogFields = Record<string, string | number | boolean | undefined>;

export type IncomingCall =
  | ServerUnaryCall<unknown, unknown>
  | ServerWritableStream<unknown, unknown>
  | ServerDuplexStream<unknown, unknown>;

const wellFormedRequestId = /^[\x21-\x7e]{1,128}$/;

/** Headers known to be valid: lower-case names and printable ASCII values. They are not checked again. */
export type FixedHeaders = Readonly<Record<string, string>>;

/** Metadata that is only sent: `set` would check and copy each entry, which is 4 us of a redirect's 45. */
class SentMetadata extends Metadata {
  readonly #headers: FixedHeaders;
  constructor(headers: FixedHeaders) {
    super();
    this.#headers = headers;
  }
  override toHttp2Headers(): FixedHeaders {
    return this.#headers;
  }
}

/** The context of one call. Everything costly is created on first use: a redirect needs no Headers object, no signal, no values. */
export class CallContext implements HandlerContext {
  readonly method: DescMethod;
  readonly protocolName = 'grpc';
  readonly requestMethod = 'POST';
  readonly call: IncomingCall;
  readonly startedAt: number;
  /** Milliseconds since 1970; Infinity: none. */
  readonly deadlineAt: number;
  caller: Caller | undefined;
  span: Span | undefined;
  timer: NodeJS.Timeout | undefined;
  /** True once the status is sent, or nobody is left to send it to. */
  done = false;
  initialMetadata: Metadata | undefined;
  fields: LogFields | undefined;
  fixedHeaders: FixedHeaders | undefined;
  #requestId: string | undefined;
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #values: ContextValues | undefined;
  #controller: AbortController | undefined;
  #aborted: { reason: unknown } | undefined;

  constructor(method: DescMethod, call: IncomingCall, startedAt: number, deadlineAt: number) {
    this.method = method;
    this.call = call;
    this.startedAt = startedAt;
    this.deadlineAt = deadlineAt;
  }

  get service(): DescService {
    return this.method.parent;
  }

  get url(): string {
    return `http://${this.call.getHost()}${this.call.getPath()}`;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  timeoutMs = (): number | undefined =>
    this.deadlineAt === Number.POSITIVE_INFINITY ? undefined : this.deadlineAt - Date.now();

  get requestHeader(): Headers {
    this.#requestHeader ??= headersFrom(this.call.metadata);
    return this.#requestHeader;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  get values(): ContextValues {
    this.#values ??= createContextValues();
    return this.#values;
  }

  get requestId(): string {
    if (this.#requestId === undefined) {
      const given = firstOf(this.call.metadata, 'x-request-id');
      this.#requestId = given !== undefined && wellFormedRequestId.test(given) ? given : randomUUID();
    }
    return this.#requestId;
  }

  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = { reason };
    this.#controller?.abort(reason);
  }

  /** What is to be sent before the first message; undefined if nothing was set. */
  takeInitialMetadata(): Metadata | undefined {
    const { fixedHeaders } = this;
    if (fixedHeaders && !this.initialMetadata && !this.#responseHeader) return new SentMetadata(fixedHeaders);
    if (fixedHeaders) addHeaders(this.setInitialMetadata(), new Headers(fixedHeaders));
    if (this.#responseHeader) addHeaders(this.setInitialMetadata(), this.#responseHeader);
    return this.initialMetadata;
  }

  takeTrailers(): Metadata | undefined {
    return this.#responseTrailer && addHeaders(new Metadata(), this.#responseTrailer);
  }

  setInitialMetadata(): Metadata {
    this.initialMetadata ??= new Metadata();
    return this.initialMetadata;
  }
}

const fieldsKey = createContextKey<LogFields | undefined>(undefined);
/** Where the caller is kept when the transport is not ours (handlers mounted in memory). */
export const callerKey = createContextKey<Caller | undefined>(undefined);

/** Fields of this call's one log line: `logFields(context).short_code = code`. */
export function logFields(context: HandlerContext): LogFields {
  if (context instanceof CallContext) {
    context.fields ??= {};
    return context.fields;
  }
  const fields = context.values.get(fieldsKey) ?? {};
  context.values.set(fieldsKey, fields);
  return fields;
}

/** Envoy's x-request-id, or a new one for a call without a usable one. */
export function requestIdOf(context: HandlerContext): string {
  if (context instanceof CallContext) return context.requestId;
  return context.requestHeader.get('x-request-id') ?? '';
}

/** The first value of a metadata key, without creating a Headers object. */
export function metadataOf(context: HandlerContext, key: string): string | undefined {
  if (context instanceof CallContext) return firstOf(context.call.metadata, key);
  return context.requestHeader.get(key) ?? undefined;
}

/** Whether the client sent HEAD, according to Envoy: a page is then answered without its body. */
export const isHead = (context: HandlerContext): boolean => metadataOf(context, 'x-hop-method') === 'HEAD';

/** The :authority of the call: the host that the request was sent to. */
export function authorityOf(context: HandlerContext): string {
  if (context instanceof CallContext) return context.call.getHost() ?? '';
  return new URL(context.url).host;
}

/** Sets initial metadata, without creating a Headers object. The value has to be printable ASCII. */
export function setResponseMetadata(context: HandlerContext, key: string, value: string): void {
  if (context instanceof CallContext) context.setInitialMetadata().set(key, value);
  else context.responseHeader.set(key, value);
}

/** As setResponseMetadata, but keeps the key's other values. */
export function addResponseMetadata(context: HandlerContext, key: string, value: string): void {
  if (context instanceof CallContext) context.setInitialMetadata().add(key, value);
  else context.responseHeader.append(key, value);
}

/** Sets all initial metadata of a response at once. On the hot path: names and values are not checked. */
export function setFixedMetadata(context: HandlerContext, headers: FixedHeaders): void {
  if (context instanceof CallContext) context.fixedHeaders = headers;
  else for (const [name, value] of Object.entries(headers)) context.responseHeader.set(name, value);
}

/** The caller, once the token has been verified; undefined: the call has no token. `callerOf` refuses those. */
export function callerIn(context: HandlerContext): Caller | undefined {
  return context instanceof CallContext ? context.caller : context.values.get(callerKey);
}

/** The trace context for calls made on behalf of this one. */
export function traceOf(context: HandlerContext): TraceHeaders {
  if (context instanceof CallContext && context.span) return headersOf(context.span);
  const traceparent = metadataOf(context, 'traceparent');
  if (traceparent === undefined) return {};
  const tracestate = metadataOf(context, 'tracestate');
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}

function firstOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return typeof value === 'string' ? value : value?.toString('base64');
}

function headersFrom(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const key of Object.keys(metadata.getMap())) {
    if (key.startsWith(':')) continue;
    for (const value of metadata.get(key))
      headers.append(key, typeof value === 'string' ? value : value.toString('base64'));
  }
  return headers;
}

/** Adds headers to metadata; `-bin` values are base64 in headers and bytes in metadata. */
export function addHeaders(metadata: Metadata, headers: Headers): Metadata {
  headers.forEach((value, key) => {
    metadata.add(key, key.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  });
  return metadata;
}
