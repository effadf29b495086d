import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { ResolverService } from '#gen/resolver/v1/resolver_service_pb.ts';
import { type HttpBody, HttpBodySchema } from '#gen-google/api/httpbody_pb.ts';
import { notFound, precondition, unavailable } from '#runtime/errors/errors.ts';
import { prefersJson } from '#runtime/http/negotiation.ts';
import { authorityOf, logFields, metadataOf, setResponseMetadata } from '#runtime/rpc/call.ts';
import type { Domains, LinkKey } from '#runtime/shortlink/link-key.ts';
import { readCode } from './asked-code.ts';
import { followState, type Held } from './held.ts';
import {
  emptyType,
  goneAnswerOf,
  goneErrors,
  type HttpAnswer,
  notFoundAnswer,
  previewAnswer,
  redirectAnswer,
  unavailableAnswer,
} from './http-answer.ts';
import type { Answer, Resolver } from './resolve.ts';
import type { AnsweredBy, Outcome, Tally } from './tally.ts';

export interface Dependencies {
  readonly resolver: Resolver;
  readonly domains: Domains;
  readonly tally: Tally;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

const emptyAnswer: HttpBody = create(HttpBodySchema, { contentType: emptyType });

export function createHandlers({
  resolver,
  domains,
  tally,
  wallClock,
}: Dependencies): ServiceImpl<typeof ResolverService> {
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
    const json = prefersJson(metadataOf(context, 'accept')) ? 'json' : 'html';
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

  async function redirectLater(context: HandlerContext, key: LinkKey, preview: boolean): Promise<HttpBody> {
    return send(context, answerOf(context, key, await resolver.resolve(key), preview));
  }

  return {
    redirect(request, context) {
      const domain = domains.parseHost(authorityOf(context));
      const asked = domain === undefined ? undefined : readCode(request.code);
      if (domain === undefined || asked === undefined) {
        note(context, '', 'none', 'malformed');
        return send(context, notFoundAnswer[prefersJson(metadataOf(context, 'accept')) ? 'json' : 'html']);
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
