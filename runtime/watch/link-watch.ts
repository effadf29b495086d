import type { Client } from '@connectrpc/connect';
import type { LinkChange } from '#gen/link/v1/change_pb.ts';
import type { Heartbeat, LinkService, WatchResponse } from '#gen/link/v1/link_service_pb.ts';
import { fromConnectError, type HopError } from '../errors/errors.ts';
import { fellSilent } from '../rpc/failover/failover-transport.ts';
import type { Log } from '../telemetry/log.ts';

/** Called with the changes, in the order of their arrival. No call may throw. */
export interface WatchListener {
  /** Another stream is being requested; all later heartbeats come from it. */
  connecting(): void;
  /** One committed change; possibly reported before, possibly older than one already reported. */
  change(change: LinkChange): void;
  /** All changes committed before its time have been reported. */
  heartbeat(beat: Heartbeat): void;
  /** Changes may have been missed. From the next heartbeat on none are. */
  gap(reason: string): void;
}

export interface LinkWatchOptions {
  readonly client: Pick<Client<typeof LinkService>, 'watch'>;
  readonly listener: WatchListener;
  readonly log: Log;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Resolves after the time, or at once when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to 1. */
  readonly random: () => number;
  /** A stream that is silent for this long is given up (default 3,000). */
  readonly silenceMs?: number;
}

export interface LinkWatch {
  /** Gives up the present stream and requests another from the same position. */
  reconnect(): void;
  stop(): Promise<void>;
}

const firstDelayMs = 50;
const longestDelayMs = 2_000;

/** Follows LinkService.Watch for as long as the process lives: it resumes after a break, and starts over after a gap. */
export function followLinks(options: LinkWatchOptions): LinkWatch {
  const { client, listener, log, now, sleep, random, silenceMs = 3_000 } = options;
  const stopping = new AbortController();
  let present: AbortController | undefined;
  let cursor = '';
  let failures = 0;
  let heardAt = 0;

  function missed(reason: string): void {
    log.info({ reason }, 'resynchronising');
    cursor = '';
    listener.gap(reason);
  }

  function take({ event }: WatchResponse): void {
    if (event.case === 'change') listener.change(event.value);
    else if (event.case === 'resynchronise') missed(event.value.reason);
    else if (event.case === 'caughtUp') {
      cursor = event.value.cursor;
      failures = 0;
    } else if (event.case === 'heartbeat') {
      cursor = event.value.cursor;
      failures = 0;
      listener.heartbeat(event.value);
    }
  }

  /** A connection can die silently. */
  async function endWhenSilent(stream: AbortController): Promise<void> {
    while (!stream.signal.aborted) {
      const left = heardAt + silenceMs - now();
      if (left <= 0) stream.abort(fellSilent);
      else await sleep(left, stream.signal);
    }
  }

  async function follow(): Promise<void> {
    const stream = new AbortController();
    const end = (): void => stream.abort();
    stopping.signal.addEventListener('abort', end, { once: true });
    present = stream;
    heardAt = now();
    void endWhenSilent(stream);
    try {
      listener.connecting();
      for await (const message of client.watch({ cursor }, { signal: stream.signal })) {
        if (stream.signal.aborted) return;
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
        if (failures === 0) tellOfBreak(log, fault);
      }
      const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(failures++, 10));
      await sleep(delay * (0.5 + random() / 2), stopping.signal);
    }
  }

  const running = run();
  return {
    reconnect: () => present?.abort(),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** The error of the health check of a process that follows links, while Watch is silent. */
export function watchIsSilent(): Error {
  return new Error('Watch is silent: no heartbeat came in time.');
}

/** A link service that is stopped deliberately ends its watches; another takes over. */
function tellOfBreak(log: Log, fault: HopError): void {
  if (fault.reason === 'SHUTTING_DOWN') log.info({ reason: fault.reason }, 'the watch ended');
  else log.warn({ reason: fault.reason, err: fault }, 'the watch broke');
}
