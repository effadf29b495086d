import type { Client } from '@connectrpc/connect';
import type { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { pause } from '#runtime/time/pause.ts';

export interface Salts {
  /** The salt of the UTC day that begins at day * 24 h, in hexadecimal. */
  of(day: number): string | undefined;
  /** Whether the salts of today and tomorrow have been fetched. */
  ready(): boolean;
  /** Fetches every ten minutes, sooner while a salt is missing, and forgets those that are over, until the signal is aborted. */
  keep(signal: AbortSignal): Promise<void>;
}

const dayMs = 86_400_000;
const refreshMs = 600_000;
const retryMs = 1_000;
const saltBytes = 32;

interface SaltsOptions {
  readonly log: Log;
  /** For how many milliseconds a salt is used after its day: as long as a click may wait in the spool. */
  readonly keepMs: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/**
 * The salts that visitors are hashed with. They are held in memory only: what is never on disk need not be erased. They are forgotten in time
 * also where analytics, which destroys them, does not answer.
 */
export function createSalts(
  analytics: Pick<Client<typeof AnalyticsService>, 'getVisitorSalts'>,
  { log, keepMs, now = Date.now }: SaltsOptions,
): Salts {
  const salts = new Map<number, string>();

  const refresh = async (): Promise<void> => {
    const response = await analytics.getVisitorSalts({});
    const usable = response.salts.filter(
      ({ day, salt }) => salt.length === saltBytes && Number.isFinite(Date.parse(day)),
    );
    salts.clear();
    for (const { day, salt } of usable)
      salts.set(Math.floor(Date.parse(day) / dayMs), Buffer.from(salt).toString('hex'));
  };
  const forget = (): void => {
    for (const day of salts.keys()) if (now() >= (day + 1) * dayMs + keepMs) salts.delete(day);
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
        forget();
        await pause(ready() ? refreshMs : retryMs, signal);
      }
    },
  };
}
