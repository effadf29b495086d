import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { ResolverService } from '#gen/resolver/v1/resolver_service_pb.ts';
import type { HttpBody } from '#gen-google/api/httpbody_pb.ts';
import { notFound, precondition, unavailable } from '#runtime/errors/errors.ts';
import { prefersJson } from '#runtime/http/negotiation.ts';
import { authorityOf, isHead, logFields, metadataOf, setFixedMetadata } from '#runtime/rpc/call.ts';
import { callFrom } from '#runtime/rpc/client.ts';
import type { Domains, LinkKey } from '#runtime/shortlink/link-key.ts';
import type { AnswerCounts, AnsweredBy, Outcome } from './answer-counts.ts';
import {
  goneAnswerOf,
  goneErrors,
  type HttpAnswer,
  notFoundAnswer,
  previewAnswer,
  redirectAnswer,
  tooManyAnswer,
  unavailableAnswer,
} from './answers/http-answer.ts';
import { type CachedLink, followState, type Source } from './cached-link.ts';
import { isLinkPreviewer } from './link-previewers.ts';
import { readCode } from './requested-code.ts';
import type { Answer } from './resolve/answer.ts';
import type { Resolver } from './resolve/resolve.ts';
import type { TakeUse } from './take-use.ts';
import { type Guess, isTooMany, type TooMany, type UnknownCodes } from './unknown-codes.ts';

export interface Dependencies {
  readonly resolver: Resolver;
  /** Called for each follow of a link with a limit. */
  readonly takeUse: TakeUse;
  readonly domains: Domains;
  readonly answerCounts: AnswerCounts;
  readonly unknownCodes: UnknownCodes;
  /** How many unknown codes an address may request; shown in refusals. */
  readonly unknownCodesLimit: number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

type Calls = ServiceImpl<typeof ResolverService>;
type LinkAnswer = Extract<Answer, { kind: 'link' }>;

/** Counts an answer, and adds it to the log line of its call. */
type Note = (context: HandlerContext, code: string, tier: AnsweredBy, outcome: Outcome) => void;

export function createHandlers(dependencies: Dependencies): Calls {
  const { answerCounts } = dependencies;

  function note(context: HandlerContext, code: string, tier: AnsweredBy, outcome: Outcome): void {
    const fields = logFields(context);
    fields.short_code = code;
    fields.cache_hit = tier;
    fields.outcome = outcome;
    answerCounts.count(tier, outcome);
  }

  return { redirect: createRedirect(dependencies, note), resolve: createResolve(dependencies, note) };
}

/** For Envoy: the response to a browser. */
function createRedirect(dependencies: Dependencies, note: Note): Calls['redirect'] {
  const { resolver, takeUse, domains, unknownCodes, wallClock } = dependencies;

  function answerOf(context: HandlerContext, key: LinkKey, answer: Answer, preview: boolean): HttpAnswer {
    const form = formOf(context);
    if (answer.kind === 'unavailable') {
      note(context, key.code, 'none', 'unavailable');
      return unavailableAnswer[form];
    }
    if (answer.kind === 'absent') {
      note(context, key.code, answer.tier, 'absent');
      return notFoundAnswer[form];
    }
    const { link, tier, stale } = answer;
    const state = followState(link, wallClock());
    if (state !== 'followable') {
      note(context, key.code, tier, state);
      return goneAnswerOf(state)[form];
    }
    note(context, key.code, tier, preview ? 'preview' : stale ? 'stale' : 'followable');
    return preview ? previewAnswer(link) : redirectAnswer(link, tier, stale);
  }

  /** For a link with a limit that is followable as far as this process knows. */
  async function limitedAnswerOf(context: HandlerContext, link: CachedLink, tier: Source): Promise<HttpAnswer> {
    const use = await takeUse(link, callFrom(context));
    if (use.kind === 'unavailable') return answerOf(context, link, use, false);
    if (use.kind === 'absent') return answerOf(context, link, { ...use, tier: 'primary' }, false);
    if (use.kind === 'gone') {
      note(context, link.code, 'primary', use.state);
      return goneAnswerOf(use.state)[formOf(context)];
    }
    note(context, link.code, tier, 'followable');
    return redirectAnswer(use.link, use.link === link ? tier : 'primary', false);
  }

  /** Only while it is followable: what is not followable anyway is answered without asking. */
  const hasUses = ({ link }: LinkAnswer): boolean =>
    link.maxClicks > 0 && followState(link, wallClock()) === 'followable';

  function tooManyOf(context: HandlerContext, key: LinkKey, { retryAfterMs, resetMs }: TooMany): HttpAnswer {
    note(context, key.code, 'none', 'limited');
    return tooManyAnswer(formOf(context), dependencies.unknownCodesLimit, retryAfterMs, wallClock() + resetMs);
  }

  async function redirectLater(
    context: HandlerContext,
    key: LinkKey,
    preview: boolean,
    guess: Guess,
  ): Promise<HttpBody> {
    const address = clientOf(context);
    const answer = await unknownCodes.pace(address, guess, async () => {
      const result = await resolver.resolve(key);
      return { unknown: result.kind === 'absent', result };
    });
    if (isTooMany(answer)) return send(context, tooManyOf(context, key, answer));
    if (preview || answer.kind !== 'link' || !hasUses(answer))
      return send(context, answerOf(context, key, answer, preview));
    // A link posted in a chat that may be followed once would otherwise be used up before anybody has seen it.
    const showsPreview = isLinkPreviewer(metadataOf(context, 'user-agent'));
    if (showsPreview || isHead(context)) return send(context, answerOf(context, key, answer, showsPreview));
    return send(context, await limitedAnswerOf(context, answer.link, answer.tier));
  }

  const redirect: Calls['redirect'] = (request, context) => {
    const domain = domains.parseHost(authorityOf(context));
    const asked = domain === undefined ? undefined : readCode(request.code);
    if (domain === undefined || asked === undefined) {
      note(context, '', 'none', 'malformed');
      return send(context, notFoundAnswer[formOf(context)]);
    }
    const key: LinkKey = { domain, code: asked.code };
    const link = asked.preview ? undefined : resolver.atHand(key);
    // What memory alone can answer is answered within the same turn of the event loop.
    if (link && link.maxClicks === 0 && followState(link, wallClock()) === 'followable') {
      note(context, link.code, 'l1', 'followable');
      return send(context, redirectAnswer(link, 'l1', false));
    }
    const guess = resolver.isMadeUp(key) ? 'made_up' : 'possible';
    if (guess === 'made_up' && unknownCodes.countNow(clientOf(context), guess)) {
      note(context, key.code, 'filter', 'absent');
      return send(context, notFoundAnswer[formOf(context)]);
    }
    return redirectLater(context, key, asked.preview, guess);
  };
  return redirect;
}

/** For teams and the mesh: where a link leads. */
function createResolve({ resolver, domains, wallClock }: Dependencies, note: Note): Calls['resolve'] {
  function resolved(answer: Answer, tell: (tier: AnsweredBy, outcome: Outcome) => void) {
    if (answer.kind === 'unavailable') {
      tell('none', 'unavailable');
      throw unavailable('DEPENDENCY_UNAVAILABLE', 'The link cannot be looked up right now.', 1_000);
    }
    if (answer.kind === 'absent') {
      tell(answer.tier, 'absent');
      throw noSuchLink();
    }
    const { link, tier, stale } = answer;
    const state = followState(link, wallClock());
    tell(tier, stale && state === 'followable' ? 'stale' : state);
    if (state !== 'followable') throw precondition(goneErrors[state].reason, goneErrors[state].message);
    const { id, code, domain, location, status, expiresAtMs, version, maxClicks } = link;
    const ends = Number.isFinite(expiresAtMs) ? { expiresAt: timestampFromMs(expiresAtMs) } : {};
    const leads = { longUrl: location, redirectStatus: Number(status) };
    const limit = maxClicks === 0 ? {} : { maxClicks };
    return { linkId: id, code, domain, ...leads, ...ends, ...limit, version, tier, stale };
  }

  const resolve: Calls['resolve'] = async (request, context) => {
    const domain = domains.named(request.domain);
    const asked = readCode(request.code);
    if (domain === undefined || !asked || asked.preview) {
      note(context, '', 'none', 'malformed');
      throw noSuchLink();
    }
    const answer = await resolver.resolve({ domain, code: asked.code });
    return resolved(answer, (tier, outcome) => note(context, asked.code, tier, outcome));
  };
  return resolve;
}

const formOf = (context: HandlerContext): 'json' | 'html' =>
  prefersJson(metadataOf(context, 'accept')) ? 'json' : 'html';

/** The client's address. Set by Envoy, which lets no client forge it. */
const clientOf = (context: HandlerContext): string | undefined => metadataOf(context, 'x-envoy-external-address');

/** Sends Envoy the answer. */
function send(context: HandlerContext, { headers, body, noBody }: HttpAnswer): HttpBody {
  setFixedMetadata(context, headers);
  return body !== noBody && isHead(context) ? noBody : body;
}

function noSuchLink() {
  return notFound('LINK_NOT_FOUND', 'There is no such link.');
}
