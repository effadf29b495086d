import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { unavailable } from '#runtime/errors/errors.ts';
import type { FollowedLink, LinkStore } from '../store.ts';

/** Whether a link may be followed now. */
interface Take {
  readonly granted: boolean;
  /** See TakeOutcome. */
  readonly record: LinkRecord | undefined;
}

/** Takes one use of a link that has a limit. Nothing is taken for a caller that is gone before its turn. */
export type TakeUse = (link: FollowedLink, signal: AbortSignal) => Promise<Take>;

interface Waiting {
  readonly signal: AbortSignal;
  readonly resolve: (take: Take) => void;
  readonly reject: (error: unknown) => void;
}

/** A link that was renamed is asked for by both of its names for a moment. */
const nameOf = ({ id, domain, code }: FollowedLink): string => `${id} ${domain}/${code}`;

/** For one link; more than this process could answer in the time that a redirect has. */
const mostWaiting = 1_000;

/**
 * One question to the store at a time for each link, for all that came meanwhile: they would wait for each other's row there anyway, each
 * with a connection that other calls need.
 */
export function createUseQueue(store: Pick<LinkStore, 'takeUses'>): TakeUse {
  const queues = new Map<string, Waiting[]>();

  async function takeTogether(link: FollowedLink, together: readonly Waiting[]): Promise<void> {
    const present = together.filter(({ signal }) => !signal.aborted);
    if (present.length === 0) return;
    try {
      const { granted, record } = await store.takeUses(link, present.length);
      // Who came first is served first. What the others are to be told the record of before does not say: they ask anew.
      const answered = granted === 0 ? present : present.slice(0, granted);
      for (const { resolve } of answered) resolve({ granted: granted > 0, record });
      await takeTogether(link, present.slice(answered.length));
    } catch (error) {
      for (const { reject } of present) reject(error);
    }
  }

  async function drain(link: FollowedLink, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) await takeTogether(link, queue.splice(0));
    queues.delete(nameOf(link));
  }

  return (link, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<Take>();
    const queue = queues.get(nameOf(link));
    if (queue && queue.length >= mostWaiting)
      return Promise.reject(unavailable('OVERLOADED', 'This link is followed by too many at once.', 1_000));
    const waiting = { signal, resolve, reject };
    if (queue) queue.push(waiting);
    else {
      const begun = [waiting];
      queues.set(nameOf(link), begun);
      void drain(link, begun);
    }
    return promise;
  };
}
