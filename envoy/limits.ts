import { redirectTryMs } from '#runtime/limits/redirect-time.ts';

/** Every limit of the listeners in one place; README.md gives the reasons. */
export const limits = {
  /** A request's headers, together. More is 431. */
  headersKb: 60,
  headerCount: 100,
  /** A request's body. More is 413. */
  bodyBytes: 1_048_576,
  /** A transcoded answer, which is buffered until it is complete. */
  answerBytes: 8_388_608,
  /** What one connection may hold in buffers. */
  connectionBufferBytes: 65_536,
  /** How long a client may take to send its headers, and its whole request. */
  requestHeadersSeconds: 10,
  requestSeconds: 30,
  /** A stream without activity, and a connection without a stream. */
  streamIdleSeconds: 60,
  connectionIdleSeconds: 120,
  /** A complete answer of which the client reads nothing. Each such stream costs Envoy some 40 KB. */
  streamFlushSeconds: 15,
  /** Any stream, however actively a client reads it byte by byte, or sends nothing; except for long-lived ones. */
  streamSeconds: 120,
  /** A long-lived stream (WatchClicks) is ended after this, and reopened by the client. */
  longStreamSeconds: 3_600,
  /** HTTP/2 and HTTP/3: concurrent requests on one connection. */
  concurrentStreams: 100,
  /** How long a service may take to answer a call; Envoy waits slightly longer, so that the service's own error comes first. */
  callMs: 5_000,
  /**
   * How long one resolver may take for a redirect; then another is asked. A resolver that is not hanging answers within 200 ms, or within
   * 700 ms where it has to count a follow (docs/decisions/0026-visit-limits.md) or delays an unknown code (0008-limits.md).
   */
  redirectTryMs,
  /** How long a redirect may take, whoever is asked: two tries. */
  redirectMs: 2 * redirectTryMs,
  /** How long /readyz may take. */
  readinessMs: 1_000,
  /**
   * How long a process may take to answer /readyz; then another is asked: gateway-access, a resolver, and gateway-access again, which by
   * then has its answer at hand (gateway/access/pages/readiness.ts). Together less than readinessMs and graceMs.
   */
  readinessTryMs: 500,
  /** Concurrent redirect requests of a listener to resolvers. The next one gets 503. */
  redirectsInFlight: 256,
  graceMs: 500,
  /** The credential check. */
  authorizeMs: 1_000,
  /** A request to the shared rate limits; unanswered, the call proceeds. */
  rateLimitMs: 250,
  /** Addresses and callers that Envoy counts by itself, per limit; the least recently seen is forgotten first. */
  nearBuckets: 20_000,
  /** The longest grpc-timeout of a caller that is honoured. */
  grpcTimeoutSeconds: 30,
  connectMs: 500,
} as const;
