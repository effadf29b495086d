import { type HopError, limited, notFound, precondition, unavailable } from '#runtime/errors/errors.ts';
import { errorBody } from '#runtime/http/error-body.ts';
import { pageType } from '#runtime/http/page.ts';
import { clickOf, type FollowState, type Held, type Source } from '../held.ts';
import {
  type GoneReason,
  gonePages,
  notFoundPage,
  pageHeaders,
  previewPage,
  tooManyPage,
  unavailablePage,
} from './pages.ts';

/** What Envoy is to answer with. */
export interface HttpAnswer {
  readonly status: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** An answer in both forms, made once. */
interface Page {
  readonly html: HttpAnswer;
  readonly json: HttpAnswer;
}

const retryAfterSeconds = 1;
const notStored = ['cache-control', 'private, no-store'] as const;
const varies = ['vary', 'accept'] as const;
const emptyBody = new Uint8Array();
// Without a type of its own Envoy calls an empty HttpBody JSON.
export const emptyType = 'text/plain; charset=utf-8';

export const notFoundAnswer: Page = {
  html: htmlAnswer('404', notFoundPage),
  json: jsonAnswer('404', notFound('LINK_NOT_FOUND', 'There is no such link.')),
};

const retryAfter = ['retry-after', String(retryAfterSeconds)] as const;

export const unavailableAnswer: Page = {
  html: htmlAnswer('503', unavailablePage, retryAfter),
  json: jsonAnswer(
    '503',
    unavailable('DEPENDENCY_UNAVAILABLE', 'The link cannot be looked up right now.', retryAfterSeconds * 1_000),
    retryAfter,
  ),
};

/** For an address that asked for too many unknown codes; the times are from now. */
export function tooManyAnswer(form: keyof Page, calls: number, retryAfterMs: number, resetsAtMs: number): HttpAnswer {
  const headers = [
    ['retry-after', String(Math.ceil(retryAfterMs / 1_000))],
    ['x-ratelimit-limit', String(calls)],
    ['x-ratelimit-remaining', '0'],
    ['x-ratelimit-reset', String(Math.ceil(resetsAtMs / 1_000))],
  ] as const;
  if (form === 'html') return htmlAnswer('429', tooManyPage, ...headers);
  return jsonAnswer('429', limited('RATE_LIMITED', 'Too many unknown codes.', retryAfterMs), ...headers);
}

/** The words for a link that is there and leads nowhere. */
export const goneErrors = {
  expired: { reason: 'LINK_EXPIRED', message: 'The link has expired.' },
  disabled: { reason: 'LINK_DISABLED', message: 'The link is switched off.' },
  deleted: { reason: 'LINK_DELETED', message: 'The link was deleted.' },
} as const satisfies Partial<Record<GoneReason, object>>;

const goneAnswers: Readonly<Record<keyof typeof goneErrors, Page>> = {
  expired: goneAnswer('expired'),
  disabled: goneAnswer('disabled'),
  deleted: goneAnswer('deleted'),
};

export function goneAnswerOf(state: Exclude<FollowState, 'followable'>): Page {
  return goneAnswers[state];
}

/** The redirect of a link that may be followed, from another tier than L1 or stale; L1's own needs no such object. */
export function redirectAnswer(held: Held, tier: Source, stale: boolean): HttpAnswer {
  return {
    status: held.status,
    headers: [
      ['location', held.location],
      stale ? notStored : ['cache-control', held.cacheControl],
      ['x-hop-click', tier === 'l1' ? held.click : clickOf(held, tier)],
    ],
    contentType: emptyType,
    body: emptyBody,
  };
}

export function previewAnswer(held: Held): HttpAnswer {
  const { location: destination, createdAtMs: madeAtMs, expiresAtMs } = held;
  return htmlAnswer('200', previewPage({ name: held, destination, madeAtMs, expiresAtMs }));
}

function goneAnswer(reason: keyof typeof goneErrors): Page {
  return {
    html: htmlAnswer('410', gonePages[reason]),
    json: jsonAnswer('410', precondition(goneErrors[reason].reason, goneErrors[reason].message)),
  };
}

function htmlAnswer(status: string, body: Uint8Array, ...headers: (readonly [string, string])[]): HttpAnswer {
  return { status, headers: [notStored, varies, ...pageHeaders, ...headers], contentType: pageType, body };
}

function jsonAnswer(status: string, error: HopError, ...headers: (readonly [string, string])[]): HttpAnswer {
  const guarded = [notStored, varies, ['x-content-type-options', 'nosniff'] as const, ...headers];
  return { status, headers: guarded, contentType: 'application/json', body: Buffer.from(errorBody(error)) };
}
