import { create } from '@bufbuild/protobuf';
import { type HttpBody, HttpBodySchema } from '#gen-google/api/httpbody_pb.ts';
import { type HopError, limited, notFound, precondition, unavailable } from '#runtime/errors/errors.ts';
import { errorBody } from '#runtime/http/error-body.ts';
import { pageType } from '#runtime/http/page.ts';
import type { FixedHeaders } from '#runtime/rpc/call.ts';
import { encodedOnce } from '#runtime/rpc/messages.ts';
import { notStored } from '#runtime/shortlink/cache-control.ts';
import { type CachedLink, clickOf, type Source } from '../cached-link.ts';
import {
  type GoneReason,
  gonePages,
  notFoundPage,
  pageHeaders,
  previewPage,
  tooManyPage,
  unavailablePage,
} from './pages.ts';

/** What Envoy is to respond with. */
export interface HttpAnswer {
  /** As initial metadata; `x-status` is the status. */
  readonly headers: FixedHeaders;
  readonly body: HttpBody;
  /** For HEAD: the same without a body, which would corrupt the connection. */
  readonly noBody: HttpBody;
}

/** An answer in both forms, built once. */
interface Page {
  readonly html: HttpAnswer;
  readonly json: HttpAnswer;
}

const retryAfterSeconds = 1;
const pageCaching = { 'cache-control': notStored, vary: 'accept' };
// Without an explicit type Envoy labels an empty HttpBody as JSON.
const emptyType = 'text/plain; charset=utf-8';
const emptyAnswer: HttpBody = encodedOnce(HttpBodySchema, create(HttpBodySchema, { contentType: emptyType }));

export const notFoundAnswer: Page = {
  html: htmlAnswer('404', notFoundPage),
  json: jsonAnswer('404', notFound('LINK_NOT_FOUND', 'There is no such link.')),
};

const retryAfter = { 'retry-after': String(retryAfterSeconds) };

export const unavailableAnswer: Page = {
  html: htmlAnswer('503', unavailablePage, retryAfter),
  json: jsonAnswer(
    '503',
    unavailable('DEPENDENCY_UNAVAILABLE', 'The link cannot be looked up right now.', retryAfterSeconds * 1_000),
    retryAfter,
  ),
};

/** For an address that requested too many unknown codes; the times are from now. */
export function tooManyAnswer(form: keyof Page, calls: number, retryAfterMs: number, resetsAtMs: number): HttpAnswer {
  const headers = {
    'retry-after': String(Math.ceil(retryAfterMs / 1_000)),
    'x-ratelimit-limit': String(calls),
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': String(Math.ceil(resetsAtMs / 1_000)),
  };
  if (form === 'html') return htmlAnswer('429', tooManyPage, headers);
  return jsonAnswer('429', limited('RATE_LIMITED', 'Too many unknown codes.', retryAfterMs), headers);
}

/** What to say about a link that exists but leads nowhere. */
export const goneErrors = {
  expired: { reason: 'LINK_EXPIRED', message: 'The link has expired.' },
  disabled: { reason: 'LINK_DISABLED', message: 'The link is disabled.' },
  used_up: { reason: 'LINK_USED_UP', message: 'The link has been followed as often as it allows.' },
  deleted: { reason: 'LINK_DELETED', message: 'The link was deleted.' },
} as const satisfies Record<GoneReason, object>;

const goneAnswers: Readonly<Record<GoneReason, Page>> = {
  expired: goneAnswer('expired'),
  disabled: goneAnswer('disabled'),
  used_up: goneAnswer('used_up'),
  deleted: goneAnswer('deleted'),
};

export function goneAnswerOf(state: GoneReason): Page {
  return goneAnswers[state];
}

/** The redirect of a followable link. */
export function redirectAnswer(link: CachedLink, tier: Source, stale: boolean): HttpAnswer {
  const headers = {
    'x-status': link.status,
    location: link.location,
    'cache-control': stale ? notStored : link.cacheControl,
    'x-hop-click': tier === 'l1' ? link.click : clickOf(link, tier),
  };
  return { headers, body: emptyAnswer, noBody: emptyAnswer };
}

export function previewAnswer(link: CachedLink): HttpAnswer {
  const { location: destination, createdAtMs: madeAtMs, expiresAtMs, maxClicks } = link;
  return htmlAnswer('200', previewPage({ name: link, destination, madeAtMs, expiresAtMs, maxClicks }));
}

function goneAnswer(reason: GoneReason): Page {
  return {
    html: htmlAnswer('410', gonePages[reason]),
    json: jsonAnswer('410', precondition(goneErrors[reason].reason, goneErrors[reason].message)),
  };
}

function htmlAnswer(status: string, page: Uint8Array, more: FixedHeaders = {}): HttpAnswer {
  return httpAnswer({ 'x-status': status, ...pageCaching, ...pageHeaders, ...more }, pageType, page);
}

function jsonAnswer(status: string, error: HopError, more: FixedHeaders = {}): HttpAnswer {
  const headers = { 'x-status': status, ...pageCaching, 'x-content-type-options': 'nosniff', ...more };
  return httpAnswer(headers, 'application/json', Buffer.from(errorBody(error)));
}

function httpAnswer(headers: FixedHeaders, contentType: string, data: Uint8Array): HttpAnswer {
  const body = encodedOnce(HttpBodySchema, create(HttpBodySchema, { contentType, data }));
  return { headers, body, noBody: create(HttpBodySchema, { contentType }) };
}
