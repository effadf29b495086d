import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { type Hopline, type HoplineOptions, hoplineOver } from './hopline.ts';

export * from './api.ts';

/** A client for a browser, over gRPC-Web. */
export function createHopline(options: HoplineOptions): Hopline {
  return hoplineOver(createGrpcWebTransport({ baseUrl: options.url }), options);
}
