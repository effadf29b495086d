/** The width of a point of a series, as the contract names it. */
export type Interval = 'hour' | 'day' | 'week' | 'month';

/** The period that a page shows. Days are the person's: they begin at midnight in the browser's time zone. */
export interface Range {
  readonly name: PresetName | 'custom';
  readonly from: Date;
  /** Undefined: until now. */
  readonly to: Date | undefined;
  readonly interval: Interval;
}

const presets = {
  '24h': { label: '24 hours', before: 'the 24 hours before' },
  '7d': { label: '7 days', before: 'the 7 days before' },
  '30d': { label: '30 days', before: 'the 30 days before' },
  '90d': { label: '90 days', before: 'the 90 days before' },
  '12m': { label: '12 months', before: 'the 12 months before' },
} as const;

export type PresetName = keyof typeof presets;
export const presetNames = Object.keys(presets) as readonly PresetName[];
export const presetLabel = (name: PresetName): string => presets[name].label;

/** What a range is compared with, in words. */
export const beforeLabel = ({ name }: Range): string => (name === 'custom' ? 'the time before' : presets[name].before);

/** The zone that days begin in. */
export const timeZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const defaultRange: PresetName = '30d';

/** The range in an address; the default if there is none, or it is invalid. */
export function rangeOf(search: string, now: Date): Range {
  const parameters = new URLSearchParams(search);
  const custom = customRange(parameters.get('from'), parameters.get('to'), now);
  if (custom) return custom;
  const name = presetNames.find((preset) => preset === parameters.get('range')) ?? defaultRange;
  return presetRange(name, now);
}

/** The range as a part of an address. */
export function searchOf(range: Pick<Range, 'name' | 'from' | 'to'>): string {
  if (range.name !== 'custom') return range.name === defaultRange ? '' : `range=${range.name}`;
  const lastDay = range.to && new Date(range.to.getTime() - 1);
  return `from=${dayText(range.from)}${lastDay ? `&to=${dayText(lastDay)}` : ''}`;
}

export function presetRange(name: PresetName, now: Date): Range {
  const [year, month, day] = [now.getFullYear(), now.getMonth(), now.getDate()];
  const to = undefined;
  switch (name) {
    case '24h':
      return { name, from: new Date(Math.floor(now.getTime() / hourMs) * hourMs - 23 * hourMs), to, interval: 'hour' };
    case '12m':
      return { name, from: new Date(year, month - 11, 1), to, interval: 'month' };
    default:
      return { name, from: new Date(year, month, day - Number.parseInt(name, 10) + 1), to, interval: 'day' };
  }
}

/** Whole days, both inclusive; undefined if they are not a range. */
export function customRange(fromDay: string | null, toDay: string | null, now: Date): Range | undefined {
  const from = dateOf(fromDay);
  if (!from || from > now) return undefined;
  const last = dateOf(toDay);
  const end = last && new Date(last.getFullYear(), last.getMonth(), last.getDate() + 1);
  const to = end && end <= now ? end : undefined;
  if (to && to <= from) return undefined;
  return { name: 'custom', from, to, interval: intervalFor((to ?? now).getTime() - from.getTime()) };
}

/** As long as the range, and directly before it. An open end is rounded to the hour, so that the request stays the same for a while. */
export function periodBefore({ from, to }: Range, now: Date): { readonly from: Date; readonly to: Date } {
  const end = to?.getTime() ?? Math.ceil(now.getTime() / hourMs) * hourMs;
  return { from: new Date(2 * from.getTime() - end), to: from };
}

/** 2026-01-31, where the browser is; as a date field has it. */
export function dayText(date: Date): string {
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function intervalFor(lengthMs: number): Interval {
  if (lengthMs <= 2 * dayMs) return 'hour';
  if (lengthMs <= 120 * dayMs) return 'day';
  return lengthMs <= 800 * dayMs ? 'week' : 'month';
}

function dateOf(text: string | null): Date | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text ?? '');
  if (!match) return undefined;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const date = new Date(year, month - 1, day);
  return date.getMonth() === month - 1 && year >= 1970 ? date : undefined;
}
