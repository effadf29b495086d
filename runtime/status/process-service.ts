import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { ProcessService } from '#gen/status/v1/process_service_pb.ts';
import release from '../../package.json' with { type: 'json' };
import type { Figures } from '../telemetry/figures.ts';
import type { Log } from '../telemetry/log.ts';
import { statusOf, tierCounts } from './process-status.ts';
import { createTierRates } from './tier-rates.ts';

interface ProcessStatusOptions {
  /** HOP_INSTANCE. */
  readonly instance: string;
  /** The current metrics of this process. */
  readonly read: () => Promise<Figures>;
  readonly log: Log;
}

export interface ProcessStatus {
  readonly handlers: ServiceImpl<typeof ProcessService>;
  stop(): void;
}

const sampleMs = 5_000;

/** What this process is doing, from the metrics that it keeps anyway. */
export function createProcessStatus({ instance, read, log }: ProcessStatusOptions): ProcessStatus {
  const startedAt = timestampFromMs(Date.now() - Math.round(process.uptime() * 1_000));
  const rates = createTierRates(() => performance.now());
  const sample = async (): Promise<void> => rates.note(tierCounts(await read()));
  const sampling = setInterval(() => {
    sample().catch((error: unknown) => log.warn({ err: error }, 'the metrics of this process could not be read'));
  }, sampleMs).unref();
  return {
    handlers: {
      async getProcessStatus() {
        return {
          ...statusOf(await read(), rates.perSecond),
          instance,
          version: release.version,
          startedAt,
          memoryBytes: process.memoryUsage.rss(),
        };
      },
    },
    stop: () => clearInterval(sampling),
  };
}
