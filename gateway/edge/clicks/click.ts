import type { Tier } from '#gen/event/v1/click_pb.ts';

/** One click as it leaves the host: what it tells of a person is a hash that is worth nothing after its day. */
export interface Click {
  /** Microseconds since 1970. With the request id the key of the click. */
  readonly atUs: number;
  /** 32 hexadecimal digits. */
  readonly requestId: string;
  readonly linkId: string;
  readonly workspaceId: string;
  readonly linkVersion: bigint;
  readonly tier: Tier;
  readonly status: number;
  /** A sum of ClickFlag values. */
  readonly flags: number;
  /** 0: not known. */
  readonly visitor: bigint;
  readonly domain: string;
  readonly code: string;
  readonly referrerHost: string;
  readonly country: string;
  readonly region: string;
  readonly city: string;
  readonly device: string;
  readonly browser: string;
  readonly operatingSystem: string;
  readonly language: string;
  /** The span that the click is part of, as a W3C traceparent; empty: it is not traced. */
  readonly traceparent: string;
}
