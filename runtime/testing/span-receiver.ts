import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { Server, ServerCredentials } from '@grpc/grpc-js';

/** A span as it came over OTLP; ids in hexadecimal, an absent parent empty. */
interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

export interface SpanReceiver {
  /** For example http://127.0.0.1:4317. */
  readonly endpoint: string;
  readonly port: number;
  readonly spans: readonly ReceivedSpan[];
  /** The messages as they came, to look for what must not be in them. */
  readonly bytes: readonly Buffer[];
  stop(): void;
}

/** A collector of traces (OTLP over gRPC) that keeps what it gets. Reads the few fields that tests look at. */
export async function startSpanReceiver(): Promise<SpanReceiver> {
  const spans: ReceivedSpan[] = [];
  const bytes: Buffer[] = [];
  const server = new Server();
  const same = (value: Buffer): Buffer => value;
  const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
  const codec = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService(
    { export: { path, requestStream: false, responseStream: false, ...codec } },
    {
      export: (call: { request: Buffer }, answer: (error: null, response: Buffer) => void) => {
        bytes.push(call.request);
        spans.push(...readSpans(call.request));
        answer(null, Buffer.alloc(0));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { endpoint: `http://127.0.0.1:${port}`, port, spans, bytes, stop: () => server.forceShutdown() };
}

/** Field numbers of opentelemetry.proto.trace.v1 and common.v1. */
function readSpans(request: Uint8Array): ReceivedSpan[] {
  return messages(request, 1).flatMap((resourceSpans) => {
    const resource = messages(resourceSpans, 1).map((one) => attributesOf(one, 1))[0] ?? {};
    const service = resource['service.name'] ?? '';
    return messages(resourceSpans, 2).flatMap((scope) => messages(scope, 2).map((span) => spanOf(span, service)));
  });
}

function spanOf(span: Uint8Array, service: string): ReceivedSpan {
  const hex = (of: Uint8Array, field: number): string => Buffer.from(messages(of, field)[0] ?? []).toString('hex');
  return {
    service,
    name: textOf(span, 5),
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    parentId: hex(span, 4),
    attributes: attributesOf(span, 9),
    links: messages(span, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
  };
}

function attributesOf(message: Uint8Array, field: number): Record<string, string> {
  const pairs = messages(message, field).map((pair): [string, string] => {
    const value = messages(pair, 2)[0] ?? new Uint8Array();
    return [textOf(pair, 1), textOf(value, 1)];
  });
  return Object.fromEntries(pairs);
}

const textOf = (message: Uint8Array, field: number): string =>
  Buffer.from(messages(message, field)[0] ?? []).toString('utf8');

/** The length-delimited values of one field. */
function messages(message: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === wanted && type === WireType.LengthDelimited) found.push(reader.bytes());
    else reader.skip(type, field);
  }
  return found;
}
