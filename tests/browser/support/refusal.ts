import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { Code } from '@connectrpc/connect';
import type { BrowserContext, Page, Route } from 'playwright-core';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen-google/rpc/status_pb.ts';

export interface Refusal {
  readonly code: Code;
  readonly reason: string;
}

/** Answers calls as the mesh would that refuses them: every one, or those of a method. Who may try again need not wait. */
export async function refuse(page: Page | BrowserContext, method: RegExp, { code, reason }: Refusal): Promise<void> {
  const info = anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain: 'hopline' }));
  const retry = anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: { seconds: 0n, nanos: 1_000_000 } }));
  const status = toBinary(StatusSchema, create(StatusSchema, { code, message: reason, details: [info, retry] }));
  await page.route(method, (route: Route) =>
    route.fulfill({
      status: 200,
      headers: {
        'content-type': 'application/grpc-web+proto',
        'grpc-status': String(code),
        'grpc-message': reason,
        'grpc-status-details-bin': Buffer.from(status).toString('base64').replace(/=+$/, ''),
      },
    }),
  );
}
