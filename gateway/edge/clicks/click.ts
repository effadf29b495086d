import type { Place } from './enrichment/geo.ts';
import type { Agent } from './enrichment/user-agent.ts';
import type { FollowedLink } from './parse.ts';

/** One click as it leaves the host: what it tells of a person is a hash that is worth nothing after its day. */
export interface Click {
  /** Microseconds since 1970. With the request id the key of the click. */
  readonly atUs: number;
  /** 32 hexadecimal digits. */
  readonly requestId: string;
  readonly link: FollowedLink;
  readonly status: number;
  /** A sum of ClickFlag values. */
  readonly flags: number;
  /** 0: not known. */
  readonly visitor: bigint;
  readonly referrerHost: string;
  readonly place: Place;
  /** bot says no more than the flags. */
  readonly agent: Agent;
  readonly language: string;
  /** The span that the click is part of, as a W3C traceparent; empty: it is not traced. */
  readonly traceparent: string;
}
