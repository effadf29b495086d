// What is measured, one kind of request at a time, and how it is made certain that it is that kind.
import { randomInt } from 'node:crypto';
import type { Expectation } from './generator/job.ts';
import {
  CONNECTIONS,
  coldRequest,
  createRequest,
  destinationOf,
  followRequest,
  numbers,
  readRequest,
  type Target,
} from './requests.ts';
import type { Subject } from './subject.ts';

export interface Variant {
  readonly name: string;
  /** For the page: what is asked for, and what makes it take the way that the name says. */
  readonly about: string;
  readonly connections: number;
  readonly request: (target: Target) => string;
  /** The values of a load, and what is expected of each; made anew for each load. */
  readonly load: (subject: Subject) => { values: readonly string[]; expect: Expectation };
  /** Done before each load. */
  readonly before?: (subject: Subject) => Promise<void>;
  /** The tier that has to answer all; checked by the resolvers' own counters. */
  readonly tier?: string;
  /** A load may not be larger than its set of values: each answer changes what the next would be. */
  readonly once?: boolean;
}

const HOT_LINKS = 200;
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const following = (codes: readonly string[]): { values: readonly string[]; expect: Expectation } => ({
  values: codes,
  expect: { status: 302, locations: codes.map((_, at) => destinationOf(at)) },
});

const madeUp = (): string => Array.from({ length: 7 }, () => ALPHABET[randomInt(62)]).join('');

export const variants: readonly Variant[] = [
  {
    name: 'redirect-l1',
    about: `${HOT_LINKS} links in turn, held by both resolvers (tier l1)`,
    connections: CONNECTIONS.redirects,
    request: coldRequest,
    load: ({ codes }) => following(codes.slice(0, HOT_LINKS)),
    tier: 'l1',
  },
  {
    name: 'redirect-redis',
    about: 'all links in turn, thirty times as many as L1 is told to hold, all of them in Redis (tier redis)',
    connections: CONNECTIONS.redirects,
    request: coldRequest,
    load: ({ codes }) => following(codes),
    before: (subject) => subject.fillRedis(),
    tier: 'redis',
  },
  {
    name: 'redirect-replica',
    about:
      'each link once, all of them deleted in Redis beforehand (tier replica; the answer is written back to Redis)',
    connections: CONNECTIONS.redirects,
    request: coldRequest,
    load: ({ codes }) => following(codes),
    before: (subject) => subject.emptyRedis(),
    tier: 'replica',
    once: true,
  },
  {
    name: 'made-up-code',
    about: 'random codes of 7 characters, refused by the filter (404, tier filter)',
    connections: CONNECTIONS.redirects,
    request: followRequest,
    load: () => ({ values: Array.from({ length: 20_000 }, madeUp), expect: { status: 404 } }),
    tier: 'filter',
  },
  {
    name: 'create',
    about: 'POST /api/v1/urls with an API key',
    connections: CONNECTIONS.api,
    request: createRequest,
    load: ({ codes }) => ({ values: numbers(codes.length), expect: { status: 201 } }),
  },
  {
    name: 'read',
    about: 'GET /api/v1/urls/{code} with an API key, 1,000 links in turn',
    connections: CONNECTIONS.api,
    request: readRequest,
    load: ({ codes }) => ({ values: codes.slice(0, 1_000), expect: { status: 200, body: '"{}"' } }),
  },
];

export function findVariant(name: string): Variant {
  const found = variants.find((variant) => variant.name === name);
  if (found === undefined) throw new Error(`There is no variant ${name}.`);
  return found;
}
