import { type DescMethod, type DescMethodUnary, getOption } from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { access } from '../gen/hop/options/v1/access_pb.ts';
import { type HoplineError, toHoplineError } from './errors.ts';
import { type Attempt, mayRepeat, pauseMs, retryBudget } from './retries.ts';
import { IdentityService, LinkService } from './services.ts';
import { type Bearer, type Credentials, isSameActor } from './session.ts';

/** The client's access to clock, time and randomness; tests replace it. */
export interface World {
  readonly now: () => number;
  readonly random: () => number;
  /** Rejects once the signal is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

interface PolicyOptions {
  readonly transport: Transport;
  readonly credentials: Credentials;
  /** How long a call may take including retries, unless it sets its own deadline. */
  readonly deadlineMs: number;
  /** The most retries of a call. */
  readonly retries: number;
  readonly world: World;
}

const keyHeader = 'idempotency-key';

/** Calls that take an idempotency key. */
const keyedCalls: ReadonlySet<DescMethod> = new Set([LinkService.method.createLink]);

/** Calls that return a session: from then on the client calls as that person. */
const signIns: ReadonlySet<DescMethod> = new Set([
  IdentityService.method.signUp,
  IdentityService.method.logIn,
  IdentityService.method.refreshSession,
]);

/** Calls after which the client no longer calls as that person. */
const signOuts: ReadonlySet<DescMethod> = new Set([
  IdentityService.method.logOut,
  IdentityService.method.deleteCurrentUser,
]);

/** What every call of the client has: credentials, a deadline, retries where safe, errors by reason. A stream has no deadline and is not retried. */
export function policyTransport({ transport, credentials, deadlineMs, retries, world }: PolicyOptions): Transport {
  const budget = retryBudget();

  const authorize = async (method: DescMethod, headers: Headers): Promise<Bearer | undefined> => {
    if (getOption(method, access).anonymous || headers.has('authorization')) return undefined;
    const bearer = await credentials.bearer();
    if (bearer) setCredential(headers, bearer.token);
    return bearer;
  };

  /** Waits for the next try, or throws the error of the last one. */
  const waitFor = async (attempt: Attempt, error: HoplineError, leftMs: number, signal?: AbortSignal) => {
    if (signal?.aborted || attempt.made > retries || !mayRepeat(attempt, error)) throw error;
    const pause = pauseMs(attempt, error, world.random);
    if (pause >= leftMs || !budget.take()) throw error;
    await world.sleep(pause, signal).catch(() => {
      throw error;
    });
  };

  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const until = world.now() + (timeoutMs !== undefined && timeoutMs > 0 ? timeoutMs : deadlineMs);
      const leftMs = () => Math.max(1, Math.floor(until - world.now()));
      const given = headersOf(header);
      if (keyedCalls.has(method) && !given.has(keyHeader)) given.set(keyHeader, randomKey());
      let renewed = false;
      let failed: { readonly error: HoplineError; readonly bearer: Bearer | undefined } | undefined;
      for (let made = 1; ; made++) {
        const headers = new Headers(given);
        let bearer: Bearer | undefined;
        try {
          bearer = await within(authorize(method, headers), leftMs(), signal);
          // Not repeated as somebody else, nor in another workspace.
          if (failed && !isSameActor(failed.bearer?.actor, bearer?.actor)) throw failed.error;
          const answer = await transport.unary(method, signal, leftMs(), headers, input, contextValues);
          budget.succeeded();
          await adopt(credentials, method, answer.message);
          return answer;
        } catch (thrown) {
          const error = toHoplineError(thrown, signal);
          if (error === failed?.error) throw error;
          failed = { error, bearer: bearer ?? failed?.bearer };
          if (!renewed && bearer && isRefusal(error) && credentials.refused(bearer.token)) renewed = true;
          else await waitFor({ method, keyed: given.has(keyHeader), made }, error, leftMs(), signal);
        }
      }
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      const headers = headersOf(header);
      let bearer: Bearer | undefined;
      const known = (thrown: unknown): HoplineError => {
        const error = toHoplineError(thrown, signal);
        if (bearer && isRefusal(error)) credentials.refused(bearer.token);
        return error;
      };
      try {
        bearer = await within(authorize(method, headers), deadlineMs, signal);
        const answer = await transport.stream(method, signal, timeoutMs, headers, input, contextValues);
        return { ...answer, message: withKnownErrors(answer.message, known) };
      } catch (thrown) {
        throw known(thrown);
      }
    },
  };
}

/** The caller's headers; a character that no header can carry is their mistake, not a network failure. */
function headersOf(header: HeadersInit | undefined): Headers {
  try {
    return new Headers(header);
  } catch {
    throw toHoplineError(new ConnectError('A header has a character that none can carry.', Code.InvalidArgument));
  }
}

/** The same for an API key or a stored token. */
function setCredential(headers: Headers, token: string): void {
  try {
    headers.set('authorization', `Bearer ${token}`);
  } catch {
    throw new ConnectError('The API key or token has a character that none has.', Code.Unauthenticated);
  }
}

const isRefusal = ({ reason }: HoplineError): boolean =>
  reason === 'CREDENTIALS_INVALID' || reason === 'CREDENTIALS_EXPIRED';

async function adopt(credentials: Credentials, method: DescMethodUnary, message: unknown): Promise<void> {
  if (signIns.has(method)) await credentials.adopt(message as Parameters<Credentials['adopt']>[0]);
  else if (signOuts.has(method)) await credentials.adopt(undefined);
}

/** Token renewal is shared by all who wait for it, so none may cancel it; each waits no longer than its own deadline. */
async function within<T>(work: Promise<T>, ms: number, signal: AbortSignal | undefined): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = () => {};
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ConnectError('The answer was not ready in time.', Code.DeadlineExceeded)), ms);
    stopped = () => reject(new ConnectError('The call was stopped.', Code.Canceled));
    signal?.addEventListener('abort', stopped);
    if (signal?.aborted) stopped();
  });
  return await Promise.race([work, end]).finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stopped);
  });
}

async function* withKnownErrors<T>(
  messages: AsyncIterable<T>,
  known: (thrown: unknown) => HoplineError,
): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (thrown) {
    throw known(thrown);
  }
}

/** Not crypto.randomUUID, which browsers offer only on secure pages. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
