import { create } from '@bufbuild/protobuf';
import {
  type Code,
  ConnectError,
  createRouterTransport,
  type HandlerContext,
  type ServiceImpl,
} from '@connectrpc/connect';
import { ErrorInfoSchema, RetryInfoSchema } from '../gen/google/rpc/error_details_pb.ts';
import { SessionSchema } from '../gen/hop/identity/v1/user_pb.ts';
import { type Hopline, type HoplineOptions, hoplineOver } from '../src/hopline.ts';
import type { World } from '../src/policy.ts';
import type { Reason } from '../src/reasons.ts';
import { AnalyticsService, IdentityService, LinkService } from '../src/services.ts';
import type { Actor } from '../src/session.ts';

/** What the client did to the world: its clock stands still but for its own waiting. */
interface ScriptedWorld extends World {
  readonly slept: number[];
  pass(ms: number): void;
}

function scriptedWorld(): ScriptedWorld {
  let nowMs = 1_000_000;
  const slept: number[] = [];
  return {
    slept,
    now: () => nowMs,
    random: () => 1,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      slept.push(ms);
      nowMs += ms;
      // A turn of the loop, so that a client that never stops trying does not keep a test from ending it.
      await new Promise((resolve) => setImmediate(resolve));
    },
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

interface Script {
  readonly links?: Partial<ServiceImpl<typeof LinkService>>;
  readonly identity?: Partial<ServiceImpl<typeof IdentityService>>;
  readonly analytics?: Partial<ServiceImpl<typeof AnalyticsService>>;
}

/** A client of services that do as the test says, for faults that a real installation does not show on demand. */
export function scripted(script: Script, options: Partial<HoplineOptions> = {}) {
  const world = scriptedWorld();
  const transport = createRouterTransport(({ service }) => {
    service(LinkService, script.links ?? {});
    service(IdentityService, script.identity ?? {});
    service(AnalyticsService, script.analytics ?? {});
  });
  const hop: Hopline = hoplineOver(transport, { url: 'http://scripted', ...options }, world);
  return { hop, world };
}

export function refusal(code: Code, reason?: Reason, retryAfterMs?: number): ConnectError {
  const error = new ConnectError('as the test wants it', code);
  if (reason) error.details.push({ desc: ErrorInfoSchema, value: { reason, domain: 'hopline' } });
  if (retryAfterMs !== undefined) {
    const retryDelay = { seconds: BigInt(Math.floor(retryAfterMs / 1_000)), nanos: (retryAfterMs % 1_000) * 1_000_000 };
    error.details.push({ desc: RetryInfoSchema, value: { retryDelay } });
  }
  return error;
}

/** A session; with an actor as an installation tells it, otherwise as an earlier client stored it. */
export const sessionOf = (name: string, actor?: Actor) =>
  create(SessionSchema, {
    token: `token ${name}`,
    refreshToken: `refresh ${name}`,
    expiresIn: 900,
    ...(actor ? { user: { id: actor.userId }, workspace: { id: actor.workspaceId } } : {}),
  });

export const bearerOf = ({ requestHeader }: HandlerContext) => requestHeader.get('authorization');

/** A handler that fails as often as there are errors, then answers; and how often it was called. */
export function failing<Answer>(errors: ConnectError[], answer: Answer) {
  const contexts: HandlerContext[] = [];
  const handler = (_: unknown, context: HandlerContext): Answer => {
    contexts.push(context);
    const error = errors[contexts.length - 1];
    if (error) throw error;
    return answer;
  };
  return { handler, contexts };
}
