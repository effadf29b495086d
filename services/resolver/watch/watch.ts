import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import type { CodeSpace, LinkChange } from '#gen/link/v1/change_pb.ts';
import type { Heartbeat, LinkService, WatchResponse } from '#gen/link/v1/link_service_pb.ts';
import { fromConnectError, type HopError } from '#runtime/errors/errors.ts';
import { type CodeFilter, filterFreshMs } from '#runtime/shortlink/code-filter.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { L1 } from '../tiers/l1.ts';
import type { Clock, Freshness } from './freshness.ts';

export interface WatchOptions {
  readonly client: Pick<Client<typeof LinkService>, 'watch' | 'listLookalikes'>;
  readonly l1: Pick<L1, 'apply'>;
  readonly freshness: Freshness;
  readonly filter: CodeFilter;
  readonly log: Log;
  readonly now: Clock;
  /** Resolves after the time, or at once when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to 1. */
  readonly random: () => number;
  /** A stream that says nothing for so long is given up. */
  readonly silenceMs: number;
}

export interface Watch {
  stop(): Promise<void>;
}

const firstDelayMs = 50;
const longestDelayMs = 2_000;

/** Follows LinkService.Watch for as long as the process lives, and keeps L1, the filter and the freshness by it. */
export function startWatch(options: WatchOptions): Watch {
  const { client, freshness, log, now, sleep, random, silenceMs } = options;
  const stopping = new AbortController();
  const lookalikes = lookalikeLoader(options, stopping.signal);
  let cursor = '';
  let failures = 0;
  let heardAt = 0;

  function missed(reason: string): void {
    log.info({ reason }, 'resynchronising');
    cursor = '';
    freshness.gap();
    lookalikes.forget();
  }

  function heard(beat: Heartbeat): void {
    if (beat.readAt) freshness.heartbeat(timestampMs(beat.readAt));
    cursor = beat.cursor;
    failures = 0;
    lookalikes.heartbeat(beat.codeSpaces);
  }

  function take({ event }: WatchResponse): void {
    if (event.case === 'change') apply(options, event.value);
    else if (event.case === 'heartbeat') heard(event.value);
    else if (event.case === 'resynchronise') missed(event.value.reason);
  }

  /** A connection can be dead without a word. */
  async function endWhenSilent(stream: AbortController): Promise<void> {
    while (!stream.signal.aborted) {
      await sleep(silenceMs, stream.signal);
      if (now() - heardAt >= silenceMs) stream.abort();
    }
  }

  async function follow(): Promise<void> {
    const stream = new AbortController();
    const end = (): void => stream.abort();
    stopping.signal.addEventListener('abort', end, { once: true });
    heardAt = now();
    void endWhenSilent(stream);
    try {
      freshness.connected();
      for await (const message of client.watch({ cursor }, { signal: stream.signal })) {
        heardAt = now();
        take(message);
      }
    } finally {
      stopping.signal.removeEventListener('abort', end);
      stream.abort();
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await follow();
      } catch (error) {
        if (stopping.signal.aborted) return;
        const fault = fromConnectError(error);
        if (fault.reason === 'CURSOR_TOO_OLD') missed(fault.reason);
        if (failures === 0) tellOfBreak(log, fault);
      }
      const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(failures++, 10));
      await sleep(delay * (0.5 + random() / 2), stopping.signal);
    }
  }

  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** A link service that is stopped on purpose ends its watches; another takes over. */
function tellOfBreak(log: Log, fault: HopError): void {
  if (fault.reason === 'SHUTTING_DOWN') log.info({ reason: fault.reason }, 'the watch ended');
  else log.warn({ reason: fault.reason, err: fault }, 'the watch broke');
}

function apply({ l1, filter }: WatchOptions, { record, previousCode }: LinkChange): void {
  if (!record) return;
  filter.learn(record);
  l1.apply(record, previousCode);
}

const lookalikeRetryMs = 1_000;

/** Keeps the filter: it may refuse codes only while it knows every alias that looks generated. */
function lookalikeLoader({ client, freshness, filter, log, now }: WatchOptions, signal: AbortSignal) {
  let generation = 0;
  let wanted = true;
  let nextTryAt = Number.NEGATIVE_INFINITY;

  async function load(): Promise<void> {
    const loading = generation;
    try {
      for await (const { codes } of client.listLookalikes({}, { signal })) {
        if (loading !== generation) return;
        filter.addLookalikes(codes);
      }
      if (loading === generation) filter.lookalikesComplete();
    } catch (error) {
      if (loading !== generation || signal.aborted) return;
      log.warn({ err: fromConnectError(error) }, 'the lookalikes could not be loaded');
      wanted = true;
    }
  }

  return {
    forget(): void {
      generation++;
      wanted = true;
      nextTryAt = Number.NEGATIVE_INFINITY;
      filter.forget();
    },
    /** Aliases made after a heartbeat come by Watch, the earlier ones are listed. */
    heartbeat(spaces: readonly CodeSpace[]): void {
      const at = now();
      // One that was held up on its way says nothing about this moment.
      if (freshness.ageMs(at) < filterFreshMs) filter.heartbeat(spaces);
      if (!wanted || at < nextTryAt) return;
      wanted = false;
      nextTryAt = at + lookalikeRetryMs;
      void load();
    },
  };
}
