import { LRUCache } from 'lru-cache';
import { pause } from '#runtime/time/pause.ts';
import { fromConnectError, unavailable } from '../errors/errors.ts';
import type { Log } from '../telemetry/log.ts';

/** Which credentials are no longer valid. */
export interface Revocations {
  /** Whether the session or the API key was revoked within the last 20 minutes. */
  has(credentialId: string): boolean;
  /**
   * Whether a credential of which is only known that it was valid this long ago (milliseconds) may have been revoked since, and forgotten
   * here: when more are revoked within the 20 minutes than are kept, the first are forgotten.
   */
  mayHaveForgotten(ageMs: number): boolean;
  /** Resolves once the list has been read for the first time; throws unavailable when it cannot be read. */
  loaded(): Promise<void>;
  stop(): void;
}

/** IdentityService.ListRevocations. */
type ListRevocations = (cursor: string) => Promise<{
  readonly credentialIds: readonly string[];
  readonly cursor: string;
  /** Whether there is another page now. */
  readonly more: boolean;
}>;

interface RevocationOptions {
  readonly list: ListRevocations;
  readonly log: Log;
  readonly intervalMs: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

/** Longer than any access token lives, so that a revoked one has expired before it is forgotten. */
const keptMs = 20 * 60_000;
const mostKept = 200_000;
/** Clocks may differ by this. */
const skewMs = 5_000;
/** Each with some thousands of entries. */
const mostPages = 40;
const retryMs = 1_000;

/** Polls identity. While identity is away what is known still holds, and nothing new can be revoked. */
export function createRevocations({
  list,
  log,
  intervalMs,
  now = () => performance.now(),
}: RevocationOptions): Revocations {
  /** When the last of those that were forgotten had been read. */
  let forgottenAt = Number.NEGATIVE_INFINITY;
  /** With the time when each was read. */
  const revoked = new LRUCache<string, number>({
    max: mostKept,
    ttl: keptMs,
    dispose(readAt, _, reason) {
      // What is old enough to be forgotten stays until its place is needed.
      const isNeeded = now() - readAt < keptMs;
      if (reason === 'evict' && isNeeded) forgottenAt = Math.max(forgottenAt, readAt);
    },
  });
  const stopped = new AbortController();
  let cursor = '';
  let isLoaded = false;
  let isFailing = false;
  let running: Promise<void> | undefined;

  /** True once everything has been read; the rest of a longer list is read at the next poll. */
  async function readPages(): Promise<boolean> {
    for (let page = 0; page < mostPages; page++) {
      const { credentialIds, more, ...next } = await list(cursor);
      const readAt = now();
      for (const id of credentialIds) revoked.set(id, readAt);
      cursor = next.cursor;
      if (!more) return true;
    }
    return false;
  }

  async function ask(): Promise<void> {
    const knownForgottenAt = forgottenAt;
    try {
      const isComplete = await readPages();
      if (forgottenAt > knownForgottenAt)
        log.warn('more credentials were revoked than are kept; access tokens from before are refused');
      if (!isComplete) return;
      isLoaded = true;
      if (isFailing) log.info('revocations are read again');
      isFailing = false;
    } catch (error) {
      // A cursor that identity does not know (it was restored from a backup) would fail forever.
      if (fromConnectError(error).kind === 'invalid') cursor = '';
      if (!isFailing) log.warn({ err: error }, 'revocations cannot be read');
      isFailing = true;
    }
  }

  function askOnce(): Promise<void> {
    running ??= ask().finally(() => {
      running = undefined;
    });
    return running;
  }

  async function poll(): Promise<void> {
    while (!stopped.signal.aborted) {
      await askOnce();
      await pause(intervalMs, stopped.signal, { unref: true });
    }
  }
  void poll();

  return {
    has: (credentialId) => revoked.has(credentialId),
    mayHaveForgotten: (ageMs) => ageMs + skewMs >= now() - forgottenAt,
    async loaded() {
      if (isLoaded) return;
      await askOnce();
      if (!isLoaded)
        throw unavailable('DEPENDENCY_UNAVAILABLE', 'Credentials cannot be checked at the moment.', retryMs);
    },
    stop: () => stopped.abort(),
  };
}
