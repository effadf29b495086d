import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen-google/rpc/status_pb.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface HttpQuestion {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** One HTTP/1.1 request; the path goes out as it is written. */
export function ask(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body }: HttpQuestion = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port, path, method, headers, agent: false, timeout: 10_000 },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    call.on('timeout', () => call.destroy(new Error('No answer within 10 s.')));
    call.on('error', reject);
    call.end(body);
  });
}

/** Sends bytes on one socket and answers all that came back until it was quiet for quietMs, or for 10 s before the first byte, or closed. */
export function sendRaw(port: number, bytes: string | Buffer, quietMs = 300): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    const done = (): void => {
      socket.destroy();
      resolve(Buffer.concat(chunks).toString('latin1'));
    };
    socket.setTimeout(10_000, done);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      socket.setTimeout(quietMs);
    });
    socket.on('error', reject);
    socket.on('close', done);
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
}

/** What an answer that is trailers-only says to a client of gRPC or gRPC-Web. */
export function grpcError(headers: IncomingHttpHeaders): { status: string; code: number; reason: string | undefined } {
  const bytes = Buffer.from(String(headers['grpc-status-details-bin'] ?? ''), 'base64');
  const { code, details } = fromBinary(StatusSchema, bytes);
  const infos = details.flatMap((detail) => anyUnpack(detail, ErrorInfoSchema) ?? []);
  return { status: String(headers['grpc-status']), code, reason: infos[0]?.reason };
}

/** The RetryInfo of an error body of the API. */
export function retryDelay({ body }: HttpAnswer): string | undefined {
  const { details } = JSON.parse(body) as { details: { '@type': string; retry_delay?: string }[] };
  return details.find((detail) => detail['@type'] === 'type.googleapis.com/google.rpc.RetryInfo')?.retry_delay;
}

/** The ErrorInfo of an error body of the API. */
export function errorInfo(answer: HttpAnswer): {
  code: number;
  message: string;
  reason: string;
  domain: string;
  metadata: Record<string, string>;
} {
  const status = JSON.parse(answer.body) as {
    code: number;
    message: string;
    details: { '@type': string; reason: string; domain: string; metadata: Record<string, string> }[];
  };
  const info = status.details.find((detail) => detail['@type'] === 'type.googleapis.com/google.rpc.ErrorInfo');
  if (!info) throw new Error(`No ErrorInfo in ${answer.body}`);
  return {
    code: status.code,
    message: status.message,
    reason: info.reason,
    domain: info.domain,
    metadata: info.metadata,
  };
}
