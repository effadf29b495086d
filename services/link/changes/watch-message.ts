import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type WatchResponse, WatchResponseSchema } from '#gen/link/v1/link_service_pb.ts';
import { timestampOf } from '#runtime/shortlink/link-record.ts';
import { writeCursor } from './change-cursor.ts';
import type { WatchEvent } from './subscription.ts';

/** An event of the watch as sent to the client. */
export function watchResponse(event: WatchEvent): WatchResponse {
  switch (event.type) {
    case 'change': {
      const { kind, record, previousCode, changedAt } = event.change;
      const change = { kind, record, previousCode, changedAt: timestampOf(changedAt) };
      return create(WatchResponseSchema, { event: { case: 'change', value: change } });
    }
    case 'heartbeat': {
      const codeSpaces = event.spaces.map(({ keyId, first, next, blockSize, fingerprint }) => ({
        keyId,
        fingerprint,
        first: BigInt(first),
        highWater: BigInt(next),
        blockSize: BigInt(blockSize),
      }));
      const value = {
        readAt: timestampFromMs(event.cursor.readAtMs),
        cursor: writeCursor(event.cursor),
        codeSpaces,
        ...(event.cachedUntilMs === undefined ? {} : { cachedUntil: timestampFromMs(event.cachedUntilMs) }),
      };
      return create(WatchResponseSchema, { event: { case: 'heartbeat', value } });
    }
    case 'caught_up':
      return create(WatchResponseSchema, { event: { case: 'caughtUp', value: { cursor: writeCursor(event.cursor) } } });
    case 'resynchronise':
      return create(WatchResponseSchema, { event: { case: 'resynchronise', value: { reason: event.reason } } });
  }
}
