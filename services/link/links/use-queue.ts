import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { unavailable } from '#runtime/errors/errors.ts';
import type { FollowedLink, LinkStore } from '../store.ts';

/** Whether a link may be followed now. */
interface Take {
  readonly granted: boolean;
  /** See TakeOutcome. */
  readonly record: LinkRecord | undefined;
}

/** Takes one use of a link with a limit. Takes nothing for a caller that left before its turn. */
export type TakeUse = (link: FollowedLink, signal: AbortSignal) => Promise<Take>;

interface Waiting {
  readonly signal: AbortSignal;
  readonly resolve: (take: Take) => void;
  readonly reject: (error: unknown) => void;
}

/** For a moment after a rename, a link is requested under both of its names. */
const nameOf = ({ id, domain, code }: FollowedLink): string => `${id} ${domain}/${code}`;

/** Per link; this process could not answer more within the deadline of a redirect. */
const mostWaiting = 1_000;

/**
 * One statement at a time for each link, for all calls that have arrived meanwhile: in the database they would wait for each other's row
 * lock anyway, each holding a connection that other calls need.
 */
export function createUseQueue(store: Pick<LinkStore, 'takeUses'>): TakeUse {
  const queues = new Map<string, Waiting[]>();

  async function takeTogether(link: FollowedLink, together: readonly Waiting[]): Promise<void> {
    const present = together.filter(({ signal }) => !signal.aborted);
    if (present.length === 0) return;
    try {
      const { granted, record } = await store.takeUses(link, present.length);
      // First come, first served. The record answers only those served now; the others need a new statement.
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
      return Promise.reject(unavailable('OVERLOADED', 'Too many people are following this link at once.', 1_000));
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
