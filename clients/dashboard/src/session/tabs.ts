import type { TabMessage, Tabs } from './session.ts';

const name = 'hop-session';

/** The tabs of this browser: a channel for messages between them, and a lock that one of them holds at a time. */
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

/** A tab that was frozen during its turn must not block the others for longer than this. */
const turnMs = 5_000;

/** Without a lock, the grace period of a refresh token covers two concurrent tabs: both get the same successor. */
async function exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
  // Browsers offer locks only in secure contexts.
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
