import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ClickSchema } from '#gen/analytics/v1/click_pb.ts';
import { ClickFlag } from '#gen/event/v1/click_pb.ts';
import type { ClickRow } from './store.ts';

/** Whether it is a person's GET that followed the link. */
export function isPersons({ flags }: ClickRow): boolean {
  return (flags & (ClickFlag.BOT | ClickFlag.HEAD | ClickFlag.PREFETCH)) === 0;
}

/** By hop.event.v1.Tier. */
const tierNames: readonly string[] = ['', 'edge', 'l1', 'redis', 'replica', 'primary'];

export function tierName(tier: number): string {
  return tierNames[tier] ?? '';
}

export function clickMessage({ at, flags, tier, ...texts }: ClickRow): MessageInitShape<typeof ClickSchema> {
  return {
    ...texts,
    tier: tierName(tier),
    at: timestampFromMs(at),
    bot: (flags & ClickFlag.BOT) !== 0,
    head: (flags & ClickFlag.HEAD) !== 0,
    prefetch: (flags & ClickFlag.PREFETCH) !== 0,
  };
}
