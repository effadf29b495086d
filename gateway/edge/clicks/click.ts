import type { Place } from './enrichment/geo.ts';
import type { Agent } from './enrichment/user-agent.ts';
import type { FollowedLink } from './parse.ts';

/** One click as it leaves the host: all it says about a person is a hash that is worthless after its day. */
export interface Click {
  /** Microseconds since 1970. Together with the request id, the key of the click. */
  readonly atUs: number;
  /** 32 hexadecimal digits. */
  readonly requestId: string;
  readonly link: FollowedLink;
  readonly status: number;
  /** A sum of ClickFlag values. */
  readonly flags: number;
  /** 0: unknown. */
  readonly visitor: bigint;
  readonly referrerHost: string;
  readonly place: Place;
  /** Its `bot` only repeats the flags. */
  readonly agent: Agent;
  readonly language: string;
  /** The span that the click is part of, as a W3C traceparent; empty if the click is not traced. */
  readonly traceparent: string;
}
