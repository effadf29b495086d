import { InvalidArgumentError } from 'commander';
import { UsageError } from './usage-error.ts';

const lengths: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };

/** "90s", "15m", "12h", "7d", "2w" or plain seconds; in seconds. */
export function duration(text: string): number {
  const [, figure, unit = 's'] = /^(\d{1,9})([smhdw])?$/.exec(text) ?? [];
  if (figure === undefined) throw new InvalidArgumentError('A length of time has the form 90s, 15m, 12h, 7d or 2w.');
  return Number(figure) * (lengths[unit] ?? 1);
}

/** A moment in the given time zone, or else in this machine's. */
export type ZonedMoment = (zone?: string) => Date;

const written = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/i;

/** A moment: a date (its first instant), a date with time, or how long ago ("7d"). Another option may give the zone. */
export const zonedMoment = (text: string, nowMs = Date.now()): ZonedMoment =>
  isLength(text) ? at(nowMs - duration(text) * 1_000) : writtenMoment(text, 'a length of time ago: 7d');

/** When something ends: the same, but a duration counts from now ("90d"), since nothing ends in the past. */
export const endMoment = (text: string, nowMs = Date.now()): Date =>
  (isLength(text) ? at(nowMs + duration(text) * 1_000) : writtenMoment(text, 'a length of time from now: 90d'))();

const isLength = (text: string): boolean => /^\d{1,9}[smhdw]$/.test(text);

const at = (ms: number): ZonedMoment => {
  const date = new Date(ms);
  return () => date;
};

function writtenMoment(text: string, orLength: string): ZonedMoment {
  const [, day = '', time = '00:00', offset] = written.exec(text) ?? [];
  const wallMs = Date.parse(`${day}T${time}Z`);
  const exactMs = Date.parse(`${day}T${time}${offset?.toUpperCase() ?? 'Z'}`);
  if (Number.isNaN(exactMs))
    throw new InvalidArgumentError(`A moment is 2026-01-31, 2026-01-31T17:00, or ${orLength}.`);
  // Date.parse accepts the 31st of any month, and 24:00, as times of the next day.
  if (!new Date(wallMs).toISOString().startsWith(`${day}T${time.split('.')[0]}`))
    throw new InvalidArgumentError('There is no such day or time.');
  return (zone) => new Date(offset === undefined ? inZone(wallMs, zone) : exactMs);
}

const dayMs = 86_400_000;

/** When clocks in the zone show what a UTC clock shows at `wallMs`: the first of two such times; within a gap, the moment after it. */
function inZone(wallMs: number, zone: string | undefined): number {
  const before = wallMs - offsetMs(wallMs - dayMs, zone);
  const after = wallMs - offsetMs(wallMs + dayMs, zone);
  return [before, after].find((ms) => ms + offsetMs(ms, zone) === wallMs) ?? before;
}

/** How far the zone is ahead of UTC. */
function offsetMs(ms: number, zone: string | undefined): number {
  try {
    const wall = new Date(ms).toLocaleString('sv', { timeZone: zone });
    return Date.parse(`${wall.replace(' ', 'T')}Z`) - Math.floor(ms / 1_000) * 1_000;
  } catch {
    throw new UsageError(`There is no time zone "${zone}". Zones have names such as Europe/Zurich.`);
  }
}

/** A whole number from `least` to `most`. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`A whole number from ${least} to ${most}.`);
  };

/** Only characters that a header can carry. */
export function printable(text: string): string {
  if (!/^[ -~]+$/.test(text)) throw new InvalidArgumentError('Only printable ASCII characters.');
  return text;
}

/** For options that may be repeated, or hold several values separated by commas. */
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

/** A link as people write it: its code, or the whole short link. */
export function linkName(text: string, domain?: string): LinkName {
  if (!/^https?:\/\//i.test(text)) return { code: text, ...(domain ? { domain } : {}) };
  const parts = partsOf(text);
  if (!parts) throw new UsageError(`"${text}" is no short link. A link is its code, or https://host/code.`);
  return { code: parts.code, domain: domain ?? parts.host };
}

/** The parts of a whole short link; undefined if it is not one. */
function partsOf(text: string): { host: string; code: string } | undefined {
  try {
    const { hostname, pathname } = new URL(text);
    const code = decodeURIComponent(pathname.replace(/^\/(r\/)?/, '').replace(/\+$/, ''));
    return code === '' ? undefined : { host: hostname, code };
  } catch {
    return undefined;
  }
}
