/** Every figure of the door in one place; README.md says why each is what it is. */
export const limits = {
  /** A request's headers, together. More is 431. */
  headersKb: 60,
  headerCount: 100,
  /** A request's body. More is 413. */
  bodyBytes: 1_048_576,
  /** A transcoded answer. It is held in memory until it is whole. */
  answerBytes: 8_388_608,
  /** What one connection may hold in buffers. */
  connectionBufferBytes: 65_536,
  /** How long a client may take to send its headers, and its whole request. */
  requestHeadersSeconds: 10,
  requestSeconds: 30,
  /** A stream on which nothing moves, and a connection without a stream. */
  streamIdleSeconds: 60,
  connectionIdleSeconds: 120,
  /** An answer that is ready and of which a client takes nothing. Each such stream costs Envoy some 40 KB. */
  streamFlushSeconds: 15,
  /** A stream, however busily a client reads it, byte by byte, or sends nothing; but for those that are meant to stay open. */
  streamSeconds: 120,
  /** A stream that is meant to stay open (WatchClicks) is ended after this and begun again by the client. */
  longStreamSeconds: 3_600,
  /** HTTP/2 and HTTP/3: requests at once on one connection. */
  concurrentStreams: 100,
  /** A service has this long to answer a call; Envoy waits a little longer, so that the service's own error comes first. */
  callMs: 5_000,
  redirectMs: 1_000,
  /** How long gateway-access may look at the mesh for /readyz; then a resolver answers. */
  readinessTryMs: 600,
  /** Redirects of a listener that a resolver may be asked for at once. The next one is 503. */
  redirectsInFlight: 256,
  graceMs: 500,
  /** The check of credentials. */
  authorizeMs: 1_000,
  /** A question to the shared count of calls; unanswered, the call goes on. */
  rateLimitMs: 250,
  /** Addresses and callers that Envoy counts by itself, per limit; the one not seen for longest is forgotten first. */
  nearBuckets: 20_000,
  /** A caller's own grpc-timeout counts up to this. */
  grpcTimeoutSeconds: 30,
  connectMs: 500,
} as const;
