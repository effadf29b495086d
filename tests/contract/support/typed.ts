import type { Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { inject } from 'vitest';
import { ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import type { PublicCall } from './public-calls.ts';

/** What came of a call by gRPC or gRPC-Web. */
export interface TypedAnswer {
  /** "OK", or the name of the code. */
  readonly code: string;
  readonly reason: string | undefined;
  readonly message: string;
  readonly response: Message | undefined;
}

export const protocols = ['gRPC', 'gRPC-Web'] as const;
export type Protocol = (typeof protocols)[number];

const held = new Map<string, Transport>();

export function transportOf(protocol: Protocol, baseUrl = inject('meshUrl')): Transport {
  const key = `${protocol} ${baseUrl}`;
  const made =
    held.get(key) ??
    (protocol === 'gRPC' ? createGrpcTransport({ baseUrl }) : createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }));
  held.set(key, made);
  return made;
}

/** Makes the call; of a stream, waits for the first message or the refusal. */
export async function callTyped(
  transport: Transport,
  { method }: Pick<PublicCall, 'method'>,
  message: Message,
  headers: Record<string, string> = {},
): Promise<TypedAnswer> {
  try {
    return { code: 'OK', reason: undefined, message: '', response: await firstOf(transport, method, message, headers) };
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const [info] = error.findDetails(ErrorInfoSchema);
    return { code: Code[error.code] ?? '', reason: info?.reason, message: error.rawMessage, response: undefined };
  }
}

const patienceMs = 8_000;
/** A stream that has refused nobody by then has let the caller in. */
const streamMs = 1_500;

async function firstOf(
  transport: Transport,
  method: PublicCall['method'],
  message: Message,
  headers: Record<string, string>,
): Promise<Message | undefined> {
  if (method.methodKind === 'unary') {
    const { message: response } = await transport.unary(
      method as never,
      undefined,
      patienceMs,
      headers,
      message as never,
    );
    return response as Message;
  }
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), streamMs);
  try {
    const once = (async function* () {
      yield message;
    })();
    const { message: responses } = await transport.stream(
      method as never,
      stop.signal,
      undefined,
      headers,
      once as never,
    );
    for await (const response of responses) return response as Message;
    return undefined;
  } catch (error) {
    if (stop.signal.aborted) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}
