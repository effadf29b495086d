import type { TabMessage, Tabs } from './session.ts';

const name = 'hop-session';

/** The tabs of this browser: a channel to tell them what happened, and a lock that one at a time holds. */
export function browserTabs(): Tabs {
  const channel = new BroadcastChannel(name);
  return {
    tell: (message) => channel.postMessage(message),
    hear(listener) {
      channel.addEventListener('message', (event: MessageEvent<TabMessage>) => listener(event.data));
    },
    exclusively,
  };
}

/** A tab that was frozen in its turn must not hold up the others for longer than this. */
const turnMs = 5_000;

/** Without a lock the grace of a refresh token covers two tabs at once: each is answered with the same successor. */
async function exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
  // Browsers give locks to secure contexts alone.
  if (!navigator.locks) return work();
  const waiting = AbortSignal.timeout(turnMs);
  let begun = false;
  try {
    return await navigator.locks.request(name, { signal: waiting }, () => {
      begun = true;
      return work();
    });
  } catch (error) {
    if (begun || !waiting.aborted) throw error;
    return work();
  }
}
