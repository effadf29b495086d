const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

const sizes = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;
const sizeFormats = sizes.map(
  (unit) => new Intl.NumberFormat(undefined, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: 1 }),
);

const spans = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;
const unit = (of: string, digits = 0): Intl.NumberFormat =>
  new Intl.NumberFormat(undefined, { style: 'unit', unit: of, unitDisplay: 'narrow', maximumFractionDigits: digits });
const spanFormats = { day: unit('day'), hour: unit('hour'), minute: unit('minute'), second: unit('second') };
const fineSeconds = unit('second', 2);

/** Of a whole, from 0 to 1. */
export const share = (part: number): string => percent.format(part);
export const count = (value: number): string => whole.format(value);
export const timeOfDay = (at: number): string => clock.format(at);

/** Answers a second; what is slow keeps a digit. */
export const pace = (perSecond: number): string => `${(perSecond < 10 ? tenths : whole).format(perSecond)}/s`;

export function bytes(value: number): string {
  const place = Math.min(sizes.length - 1, value < 1_000 ? 0 : Math.floor(Math.log10(value) / 3));
  return sizeFormats[place]?.format(value / 1_000 ** place) ?? '';
}

/** "0.21s", "12s", "3m 5s", "2h 10m", "4d 3h": the two largest units. */
export function lasting(seconds: number): string {
  if (seconds < 10) return fineSeconds.format(seconds);
  const left = Math.floor(seconds);
  const at = spans.findIndex(([, width]) => left >= width);
  const [name, width] = spans[at] ?? [];
  if (name === undefined || width === undefined) return spanFormats.second.format(left);
  const [smaller, smallerWidth] = spans[at + 1] ?? (['second', 1] as const);
  const rest = Math.floor((left % width) / smallerWidth);
  const large = spanFormats[name].format(Math.floor(left / width));
  return rest === 0 ? large : `${large} ${spanFormats[smaller].format(rest)}`;
}
