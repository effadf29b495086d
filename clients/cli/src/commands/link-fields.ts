import { timestampFromDate } from '@hopline/client';
import type { Command } from 'commander';
import { duration, endMoment, listed, wholeNumber } from '../arguments.ts';

/** The fields of a link that can be given both on creation and on update. */
export interface FieldOptions {
  readonly alias?: string;
  readonly title?: string;
  readonly tag?: string[];
  readonly ttl?: number;
  readonly expires?: Date;
  readonly status?: number;
  readonly maxClicks?: number;
  readonly domain?: string;
}

/** The differences in the help text. */
const words = {
  make: {
    alias: 'the code, instead of a generated one',
    tag: 'a label; may be given more than once, or with commas',
    status: '301, 302, 307 or 308; without it 302',
  },
  change: {
    alias: 'another code; the old one stops working',
    tag: 'a label in place of all that there are; more than once, or with commas',
    status: '301, 302, 307 or 308',
  },
} as const;

export const withFields = (command: Command, what: keyof typeof words): Command =>
  command
    .option('-a, --alias <code>', words[what].alias)
    .option('-t, --title <text>', 'a name for people')
    .option('--tag <tag>', words[what].tag, listed)
    .option('--ttl <time>', 'how long it works: 90s, 15m, 12h, 7d, 2w', duration)
    .option(
      '--expires <moment>',
      'when it expires: 2026-12-31 or 2026-12-31T17:00, or after a length of time: 7d',
      (text) => endMoment(text),
    )
    .option(
      '--max-clicks <n>',
      'how often it can be followed at most; 1 for a link that works once',
      wholeNumber(1, 1_000_000),
    )
    .option('--status <code>', words[what].status, wholeNumber(301, 308))
    .option(...domainOption);

/** The fields by their names in the contract; those not given are absent. */
export const fieldsOf = ({ alias, title, tag, ttl, expires, maxClicks, status }: FieldOptions) => ({
  ...(alias === undefined ? {} : { alias }),
  ...(title === undefined ? {} : { title }),
  ...(tag === undefined ? {} : { tags: tag }),
  ...(ttl === undefined ? {} : { ttl }),
  ...(expires === undefined ? {} : { expiresAt: timestampFromDate(expires) }),
  ...(maxClicks === undefined ? {} : { maxClicks }),
  ...(status === undefined ? {} : { redirectStatus: status }),
});

export const domainOption = ['-d, --domain <host>', 'the short host; without it the default one'] as const;
