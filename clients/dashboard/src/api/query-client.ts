import { notifyManager, QueryClient } from '@tanstack/react-query';
import { isPassing, problemOf } from './problem.ts';

const retries = 2;

/** Answers are fresh for half a minute; temporary failures are retried twice. */
export function createQueryClient(): QueryClient {
  // Who asks for something knows that it is pending before the next key is pressed: by default that is told a task later.
  notifyManager.setScheduler(queueMicrotask);
  return new QueryClient({
    defaultOptions: {
      queries: {
        // A device without a connection is told so; the default would wait in silence.
        networkMode: 'always',
        // With that, nothing would be asked again by itself once there is a connection: what failed is, and what is old.
        refetchOnReconnect: ({ state }) => (state.error ? 'always' : true),
        staleTime: 30_000,
        retry: (failures, error) => failures < retries && isPassing(error) && navigator.onLine,
        retryDelay: (failures, error) => problemOf(error).retryAfterMs ?? 500 * 2 ** failures,
      },
      mutations: { networkMode: 'always', retry: false },
    },
  });
}
