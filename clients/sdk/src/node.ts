import type { SecureClientSessionOptions } from 'node:http2';
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type CallerOptions, callerTransport, type Hopline, type HoplineOptions, hoplineOver } from './hopline.ts';
import { ResolverService } from './services.ts';

export * from './api.ts';

/** The certificates of the connection, in PEM: whom to trust besides the usual authorities, and (mTLS) who is calling. */
export type TlsOptions = Pick<SecureClientSessionOptions, 'ca' | 'cert' | 'key'>;

export interface NodeOptions extends HoplineOptions {
  readonly tls?: TlsOptions;
}

export interface ResolverOptions extends CallerOptions {
  /** The internal listener of the installation, for example `https://hop.internal:8081`. */
  readonly url: string;
  readonly tls?: TlsOptions;
}

/** A client for Node, over gRPC: one HTTP/2 connection, which keeps no process from ending. Throws a TypeError where `url` is no http(s) URL. */
export function createHopline(options: NodeOptions): Hopline {
  return hoplineOver(grpcTransport(options), options);
}

/**
 * Answers where links lead, for a team inside the network: `resolver.resolve({ code })`. Needs an API key with the scope links:resolve.
 * Nothing is counted.
 */
export function createResolver(options: ResolverOptions): Client<typeof ResolverService> {
  return createClient(ResolverService, callerTransport(grpcTransport(options), options));
}

/** A page of 1,000 links may have 8 MiB. */
const mostBytes = 16 * 1_024 * 1_024;

function grpcTransport({ url, tls }: { url: string; tls?: TlsOptions }): Transport {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new TypeError(`"${url}" is no URL of an installation: it begins with https:// or http://.`);
  return createGrpcTransport({
    baseUrl: url,
    readMaxBytes: mostBytes,
    pingIntervalMs: 15_000,
    pingTimeoutMs: 5_000,
    ...(tls ? { nodeOptions: tls } : {}),
  });
}
