import { type Client, createClient } from '@connectrpc/connect';
import { grpcTransport, type TlsOptions } from './grpc-transport.ts';
import { type CallerOptions, callerTransport, type Hopline, type HoplineOptions, hoplineOver } from './hopline.ts';
import { ResolverService } from './services.ts';

export * from './api.ts';

export type { TlsOptions } from './grpc-transport.ts';

export interface NodeOptions extends HoplineOptions {
  readonly tls?: TlsOptions | undefined;
}

export interface ResolverOptions extends CallerOptions {
  /** The internal listener of the installation, for example `https://hop.internal:8081`. */
  readonly url: string;
  readonly tls?: TlsOptions | undefined;
}

/** A client for Node, over gRPC: one HTTP/2 connection, which does not keep the process alive. Throws a TypeError if `url` is not an http(s) URL. */
export function createHopline(options: NodeOptions): Hopline {
  return hoplineOver(grpcTransport(options), options);
}

/**
 * Tells where links lead, for a team inside the network: `resolver.resolve({ code })`. Needs an API key with the scope links:resolve.
 * Nothing is counted.
 */
export function createResolver(options: ResolverOptions): Client<typeof ResolverService> {
  return createClient(ResolverService, callerTransport(grpcTransport(options), options));
}
