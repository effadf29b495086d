import { InvalidArgumentError } from 'commander';
import { UsageError } from './usage-error.ts';

const lengths: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };

/** "90s", "15m", "12h", "7d", "2w" or plain seconds; in seconds. */
export function duration(text: string): number {
  const [, figure, unit = 's'] = /^(\d{1,9})([smhdw])?$/.exec(text) ?? [];
  if (figure === undefined) throw new InvalidArgumentError('A length of time has the form 90s, 15m, 12h, 7d or 2w.');
  return Number(figure) * (lengths[unit] ?? 1);
}

/** A moment: a date, a date with time, or how long ago ("7d"). */
export function moment(text: string, nowMs = Date.now()): Date {
  if (/^\d{1,9}[smhdw]$/.test(text)) return new Date(nowMs - duration(text) * 1_000);
  const date = new Date(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text);
  if (Number.isNaN(date.getTime()) || !/^\d{4}-/.test(text))
    throw new InvalidArgumentError('A moment is 2026-01-31, 2026-01-31T17:00, or so long ago: 7d.');
  return date;
}

/** A whole number of at least `least` and at most `most`. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`A whole number from ${least} to ${most}.`);
  };

/** What a header can carry. */
export function printable(text: string): string {
  if (!/^[ -~]+$/.test(text)) throw new InvalidArgumentError('Printable ASCII characters alone.');
  return text;
}

/** For options that may be given more than once, or hold several with commas between. */
export const listed = (text: string, before: readonly string[] = []): string[] => [
  ...before,
  ...text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== ''),
];

export interface LinkName {
  readonly code: string;
  readonly domain?: string;
}

/** A link as people name it: its code, or the whole short link. */
export function linkName(text: string, domain?: string): LinkName {
  if (!/^https?:\/\//i.test(text)) return { code: text, ...(domain ? { domain } : {}) };
  const parts = partsOf(text);
  if (!parts) throw new UsageError(`"${text}" is no short link. A link is its code, or https://host/code.`);
  return { code: parts.code, domain: domain ?? parts.host };
}

/** Of a whole short link; undefined where it is none. */
function partsOf(text: string): { host: string; code: string } | undefined {
  try {
    const { hostname, pathname } = new URL(text);
    const code = decodeURIComponent(pathname.replace(/^\/(r\/)?/, '').replace(/\+$/, ''));
    return code === '' ? undefined : { host: hostname, code };
  } catch {
    return undefined;
  }
}
