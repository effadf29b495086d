import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ClickSchema } from '#gen/analytics/v1/click_pb.ts';
import { ClickFlag } from '#gen/event/v1/click_pb.ts';
import type { ClickRow } from './store.ts';

/** A followed GET of a person. */
export function isPersons({ flags }: ClickRow): boolean {
  return (flags & (ClickFlag.BOT | ClickFlag.HEAD | ClickFlag.PREFETCH)) === 0;
}

export function clickMessage({ at, flags, ...texts }: ClickRow): MessageInitShape<typeof ClickSchema> {
  return {
    ...texts,
    at: timestampFromMs(at),
    bot: (flags & ClickFlag.BOT) !== 0,
    head: (flags & ClickFlag.HEAD) !== 0,
    prefetch: (flags & ClickFlag.PREFETCH) !== 0,
  };
}
