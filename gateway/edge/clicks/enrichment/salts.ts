import type { Client } from '@connectrpc/connect';
import type { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { pause } from '#runtime/time/pause.ts';

export interface Salts {
  /** The salt of the UTC day that begins at day * 24 h, in hexadecimal. */
  of(day: number): string | undefined;
  /** Whether the salts of today and tomorrow have been fetched. */
  ready(): boolean;
  /** Fetches every ten minutes, sooner while a salt is missing, until the signal is aborted. */
  keep(signal: AbortSignal): Promise<void>;
}

const dayMs = 86_400_000;
const refreshMs = 600_000;
const retryMs = 1_000;
const saltBytes = 32;

/** The salts that visitors are hashed with. They are held in memory only: what is never on disk need not be erased. */
export function createSalts(
  analytics: Pick<Client<typeof AnalyticsService>, 'getVisitorSalts'>,
  { log, now = Date.now }: { log: Log; now?: () => number },
): Salts {
  let salts: ReadonlyMap<number, string> = new Map();

  const refresh = async (): Promise<void> => {
    const response = await analytics.getVisitorSalts({});
    const usable = response.salts.filter(
      ({ day, salt }) => salt.length === saltBytes && Number.isFinite(Date.parse(day)),
    );
    salts = new Map(
      usable.map(({ day, salt }) => [Math.floor(Date.parse(day) / dayMs), Buffer.from(salt).toString('hex')]),
    );
  };
  const ready = (): boolean => {
    const today = Math.floor(now() / dayMs);
    return salts.has(today) && salts.has(today + 1);
  };

  return {
    of: (day) => salts.get(day),
    ready,
    async keep(signal) {
      while (!signal.aborted) {
        await refresh().catch((error: unknown) => {
          if (!ready()) log.warn({ err: error }, 'the visitor salts did not come; clicks go without a visitor');
        });
        await pause(ready() ? refreshMs : retryMs, signal);
      }
    },
  };
}
