const whole = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 });
const finePercent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });

/** 12,345 */
export const count = (value: number): string => whole.format(value);

/** 12.3K, for narrow places. */
export const shortCount = (value: number): string => short.format(value);

/** A share; below one percent it keeps a digit. */
export function share(part: number, all: number): string {
  if (all <= 0) return percent.format(0);
  const value = part / all;
  return value > 0 && value < 0.01 ? finePercent.format(value) : percent.format(value);
}

export interface Change {
  readonly direction: 'up' | 'down' | 'same';
  /** Read out, and shown: "12% more than the 30 days before". */
  readonly text: string;
}

/** Compared with the previous value; undefined if there is nothing to compare with. */
export function changeOf(now: number, before: number): Change | undefined {
  if (before === 0) return undefined;
  const ratio = now / before - 1;
  if (Math.abs(ratio) < 0.005) return { direction: 'same', text: 'as much' };
  return ratio > 0
    ? { direction: 'up', text: `${percent.format(ratio)} more` }
    : { direction: 'down', text: `${percent.format(-ratio)} less` };
}
