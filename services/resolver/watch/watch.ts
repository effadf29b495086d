import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import { ChangeKind, type CodeSpace } from '#gen/link/v1/change_pb.ts';
import type { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { fromConnectError } from '#runtime/errors/errors.ts';
import type { CodeFilter } from '#runtime/shortlink/code-filter.ts';
import { followLinks, type LinkWatch, type LinkWatchOptions } from '#runtime/watch/link-watch.ts';
import type { L1 } from '../l1/l1.ts';
import type { Freshness } from './freshness.ts';

export interface WatchOptions extends Omit<LinkWatchOptions, 'client' | 'listener'> {
  readonly client: Pick<Client<typeof LinkService>, 'watch' | 'listLookalikes'>;
  readonly l1: Pick<L1, 'apply'>;
  readonly freshness: Freshness;
  readonly filter: CodeFilter;
  /** Called when changes may have been missed. The link service has just read the primary when it says so. */
  readonly onGap?: () => void;
}

/** Follows LinkService.Watch, and updates L1, the filter and the freshness. */
export function startWatch(options: WatchOptions): Pick<LinkWatch, 'stop'> {
  const { l1, freshness, filter } = options;
  const stopping = new AbortController();
  const foreignKeys = foreignKeyReport(options);
  const lookalikes = lookalikeLoader(options, stopping.signal);
  const watch: LinkWatch = followLinks({
    ...options,
    listener: {
      connecting: () => freshness.connected(),
      change({ kind, record, previousCode }) {
        if (!record) return;
        filter.learn(record);
        // An expired link had its end in each row since that was set, which was a change of its own.
        l1.apply(record, previousCode, kind === ChangeKind.CREATED || kind === ChangeKind.EXPIRED);
      },
      heartbeat({ readAt, codeSpaces, cachedUntil }) {
        const cachedUntilMs = cachedUntil && timestampMs(cachedUntil);
        if (readAt && !freshness.heartbeat(timestampMs(readAt), cachedUntilMs)) watch.reconnect();
        lookalikes.heartbeat(codeSpaces);
        foreignKeys.tell();
      },
      gap() {
        freshness.gap();
        options.onGap?.();
        lookalikes.forget();
        // Another primary has another clock.
        watch.reconnect();
      },
    },
  });
  return {
    async stop() {
      stopping.abort();
      await watch.stop();
    },
  };
}

/** Reports once that keys differ, and once that they no longer do: all links would be 404 if the filter used another secret. */
function foreignKeyReport({ filter, log }: Pick<WatchOptions, 'filter' | 'log'>) {
  let told = '[]';
  return {
    tell(): void {
      const keys = filter.foreignKeys.map(({ keyId, fingerprint }) => ({ key_id: keyId, fingerprint }));
      const differing = JSON.stringify(keys);
      if (differing === told) return;
      told = differing;
      if (keys.length === 0) log.info('the code keys are those of the link service again');
      else log.error({ keys }, 'the link service has code keys that this process has not: no made-up code is refused');
    },
  };
}

const lookalikeRetryMs = 1_000;

/** Maintains the filter: it may refuse codes only while it knows every alias that looks generated. */
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
    /** Aliases created after a heartbeat come through Watch, the earlier ones are listed. */
    heartbeat(spaces: readonly CodeSpace[]): void {
      const at = now();
      filter.heartbeat(spaces, freshness.asOf);
      if (!wanted || at < nextTryAt) return;
      wanted = false;
      nextTryAt = at + lookalikeRetryMs;
      void load();
    },
  };
}
