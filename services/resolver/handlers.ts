import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { ResolverService } from '#gen/resolver/v1/resolver_service_pb.ts';
import { type HttpBody, HttpBodySchema } from '#gen-google/api/httpbody_pb.ts';
import { notFound, precondition, unavailable } from '#runtime/errors/errors.ts';
import { prefersJson } from '#runtime/http/negotiation.ts';
import { authorityOf, logFields, metadataOf, setResponseMetadata } from '#runtime/rpc/call.ts';
import type { Domains, LinkKey } from '#runtime/shortlink/link-key.ts';
import {
  emptyType,
  goneAnswerOf,
  goneErrors,
  type HttpAnswer,
  notFoundAnswer,
  previewAnswer,
  redirectAnswer,
  tooManyAnswer,
  unavailableAnswer,
} from './answers/http-answer.ts';
import { readCode } from './asked-code.ts';
import { followState, type Held } from './held.ts';
import type { Answer, Resolver } from './resolve.ts';
import type { AnsweredBy, Outcome, Tally } from './tally.ts';
import { isTooMany, type TooMany, type UnknownCodes } from './unknown-codes.ts';

export interface Dependencies {
  readonly resolver: Resolver;
  readonly domains: Domains;
  readonly tally: Tally;
  readonly unknownCodes: UnknownCodes;
  /** How many an address may ask for, to tell it. */
  readonly unknownCodesLimit: number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

const emptyAnswer: HttpBody = create(HttpBodySchema, { contentType: emptyType });

export function createHandlers(dependencies: Dependencies): ServiceImpl<typeof ResolverService> {
  const { resolver, domains, tally, unknownCodes, wallClock } = dependencies;

  function note(context: HandlerContext, code: string, tier: AnsweredBy, outcome: Outcome): void {
    const fields = logFields(context);
    fields.short_code = code;
    fields.cache_hit = tier;
    fields.outcome = outcome;
    tally.count(tier, outcome);
  }

  /** The hot path: a link that L1 holds, may be followed and needs no page. */
  function redirectAtOnce(context: HandlerContext, held: Held): HttpBody {
    setResponseMetadata(context, 'x-status', held.status);
    setResponseMetadata(context, 'location', held.location);
    setResponseMetadata(context, 'cache-control', held.cacheControl);
    setResponseMetadata(context, 'x-hop-click', held.click);
    note(context, held.code, 'l1', 'followable');
    return emptyAnswer;
  }

  function answerOf(context: HandlerContext, key: LinkKey, answer: Answer, preview: boolean): HttpAnswer {
    const json = formOf(context);
    if (answer.kind === 'unavailable') {
      note(context, key.code, 'none', 'unavailable');
      return unavailableAnswer[json];
    }
    if (answer.kind === 'absent') {
      note(context, key.code, answer.tier, 'absent');
      return notFoundAnswer[json];
    }
    const { held, tier, stale } = answer;
    const state = followState(held, wallClock());
    if (state !== 'followable') {
      note(context, key.code, tier, state);
      return goneAnswerOf(state)[json];
    }
    note(context, key.code, tier, preview ? 'preview' : stale ? 'stale' : 'followable');
    return preview ? previewAnswer(held) : redirectAnswer(held, tier, stale);
  }

  function tooManyOf(context: HandlerContext, key: LinkKey, { retryAfterMs, resetMs }: TooMany): HttpAnswer {
    note(context, key.code, 'none', 'limited');
    return tooManyAnswer(formOf(context), dependencies.unknownCodesLimit, retryAfterMs, wallClock() + resetMs);
  }

  async function redirectLater(context: HandlerContext, key: LinkKey, preview: boolean): Promise<HttpBody> {
    // Made by Envoy, which lets no client say it.
    const address = metadataOf(context, 'x-envoy-external-address');
    const guess = resolver.isMadeUp(key) ? 'made_up' : 'possible';
    const answer = await unknownCodes.pace(address, guess, async () => {
      const result = await resolver.resolve(key);
      return { unknown: result.kind === 'absent', result };
    });
    if (isTooMany(answer)) return send(context, tooManyOf(context, key, answer));
    return send(context, answerOf(context, key, answer, preview));
  }

  return {
    redirect(request, context) {
      const domain = domains.parseHost(authorityOf(context));
      const asked = domain === undefined ? undefined : readCode(request.code);
      if (domain === undefined || asked === undefined) {
        note(context, '', 'none', 'malformed');
        return send(context, notFoundAnswer[formOf(context)]);
      }
      const key: LinkKey = { domain, code: asked.code };
      const held = asked.preview ? undefined : resolver.atHand(key);
      if (held && followState(held, wallClock()) === 'followable') return redirectAtOnce(context, held);
      return redirectLater(context, key, asked.preview);
    },

    async resolve(request, context) {
      const domain = domains.named(request.domain);
      const asked = readCode(request.code);
      if (domain === undefined || !asked || asked.preview) {
        note(context, '', 'none', 'malformed');
        throw noSuchLink();
      }
      const answer = await resolver.resolve({ domain, code: asked.code });
      return resolved(answer, (tier, outcome) => note(context, asked.code, tier, outcome));
    },
  };

  function resolved(answer: Answer, tell: (tier: AnsweredBy, outcome: Outcome) => void) {
    if (answer.kind === 'unavailable') {
      tell('none', 'unavailable');
      throw unavailable('DEPENDENCY_UNAVAILABLE', 'The link cannot be looked up right now.', 1_000);
    }
    if (answer.kind === 'absent') {
      tell(answer.tier, 'absent');
      throw noSuchLink();
    }
    const { held, tier, stale } = answer;
    const state = followState(held, wallClock());
    tell(tier, stale && state === 'followable' ? 'stale' : state);
    if (state !== 'followable') throw precondition(goneErrors[state].reason, goneErrors[state].message);
    const { id, code, domain, location, status, expiresAtMs, version } = held;
    const ends = Number.isFinite(expiresAtMs) ? { expiresAt: timestampFromMs(expiresAtMs) } : {};
    const leads = { longUrl: location, redirectStatus: Number(status) };
    return { linkId: id, code, domain, ...leads, ...ends, version, tier, stale };
  }
}

const formOf = (context: HandlerContext): 'json' | 'html' =>
  prefersJson(metadataOf(context, 'accept')) ? 'json' : 'html';

/** Tells Envoy the answer. The answer to a HEAD has no body: one would corrupt the connection. */
function send(context: HandlerContext, { status, headers, contentType, body }: HttpAnswer): HttpBody {
  setResponseMetadata(context, 'x-status', status);
  for (const [name, value] of headers) setResponseMetadata(context, name, value);
  const data = metadataOf(context, 'x-hop-method') === 'HEAD' ? new Uint8Array() : body;
  return create(HttpBodySchema, { contentType, data });
}

function noSuchLink() {
  return notFound('LINK_NOT_FOUND', 'There is no such link.');
}
