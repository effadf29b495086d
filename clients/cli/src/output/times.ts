import { timestampDate } from '@hopline/client';

type Timestamp = Parameters<typeof timestampDate>[0];

const dateTime = new Intl.DateTimeFormat('sv', { dateStyle: 'short', timeStyle: 'short' });
const clock = new Intl.DateTimeFormat('sv', { timeStyle: 'medium' });

/** In this machine's time zone: 2026-01-31 17:05. */
export const whenText = (at: Timestamp | undefined): string => (at ? dateTime.format(timestampDate(at)) : '');

/** 17:05:09, in this machine's time zone. */
export const clockText = (at: Timestamp | undefined): string => (at ? clock.format(timestampDate(at)) : '');

const units: readonly (readonly [string, number])[] = [
  ['y', 365 * 86_400_000],
  ['mo', 30 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
];

/** How long ago, in a single unit: 3d, 5h, now. */
export function ageText(at: Timestamp | undefined, nowMs: number): string {
  if (!at) return '';
  const age = nowMs - timestampDate(at).getTime();
  const unit = units.find(([, ms]) => age >= ms);
  return unit ? `${Math.floor(age / unit[1])}${unit[0]}` : 'now';
}
