import {
  type Address,
  address,
  addresses,
  bool,
  ConfigError,
  type ConfigOf,
  defineConfig,
  int,
  list,
  optional,
  text,
  url,
} from '#runtime/config/config.ts';
import { type RateLimits, rateLimitTable } from '#runtime/limits/rate-limits.ts';

/** Paths of a certificate and its key for Envoy, which reloads them when they are replaced by a rename. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Where spans are sent, and for what percentage of requests. */
export interface Traces {
  /** A collector that accepts OTLP over gRPC. */
  readonly collector: Address;
  readonly percent: number;
}

/** The listener for everybody, or the one for internal teams. */
export type DoorName = 'public' | 'internal';

/** The differences between a laptop, Docker and Kubernetes. Everything else is the same configuration. */
export interface EnvoySettings {
  /** Where envoy.yaml, descriptors.binpb, routes/ and tls/ are written. Nothing else may write there. */
  readonly outDir: string;
  /** The path of outDir for Envoy, if different (a container's mount). Default: outDir. */
  readonly seenAs?: string;
  /** gen/hopline.binpb: the descriptor set that the routes, the allow-list and the transcoder are made from. */
  readonly descriptorPath: string;
  /** Where clicks.jsonl is appended to. Private to Envoy and gateway-edge. */
  readonly spoolDir: string;
  /** Where requests.jsonl is appended to. */
  readonly logDir: string;
  readonly publicAddress: Address;
  readonly internalAddress: Address;
  /** Admin always listens on 127.0.0.1. */
  readonly adminPort: number;
  /** Where Prometheus scrapes Envoy's metrics (GET /stats/prometheus, without credentials). Absent: nowhere. */
  readonly stats?: Address;
  /** Where the services are. Names are resolved continually, addresses are used as given. */
  readonly upstreams: Readonly<Record<Upstream, readonly Address[]>>;
  /** Where this Envoy gets the hot set from its gateway-edge. Absent: every redirect goes to a resolver. */
  readonly hotSet?: Address;
  /** The hosts that serve the API. Empty: every host serves both the API and links (a laptop). */
  readonly apiHosts?: readonly string[];
  /** The name of this edge in logs and to the control plane. Default: edge-1. */
  readonly edgeId?: string;
  /** Worker threads. Default: one per core. */
  readonly concurrency?: number;
  /** How many proxies in front of Envoy are trusted about the client's address. Default: 0. */
  readonly trustedProxies?: number;
  /** TLS on the public listener. Absent: HTTP/1.1 and h2c. */
  readonly publicTls?: Certificate;
  /** HTTP/3 beside TLS, on UDP, on the same port. Default: false. */
  readonly http3?: boolean;
  /** How long browsers must use only TLS after a TLS response, in seconds (HSTS). Default: 0, not sent. */
  readonly hstsSeconds?: number;
  /** Where http is redirected to https. Absent: nowhere. */
  readonly redirectAddress?: Address;
  /** The port by which clients reach the public listener, if a proxy in front has another. Default: its own. */
  readonly publicPort?: number;
  /** The host for HTTP/1.0 requests without one, such as health checks of load balancers. Absent: they are refused. */
  readonly publicHost?: string;
  /** TLS on the internal listener; with clientCa, clients must show a certificate that it signed (mTLS). */
  readonly internalTls?: Certificate & { readonly clientCa?: string };
  /** Downstream connections of the whole process. Default: 10,000. */
  readonly maxConnections?: number;
  /** The rate limits of clients. Default: those of the public contract. */
  readonly rateLimits?: RateLimits;
  /** Absent: nothing is traced. */
  readonly traces?: Traces;
  /** The heap at which Envoy begins to refuse work, in MiB. Default: 512. */
  readonly maxHeapMb?: number;
}

/** The parts of the mesh that Envoy calls. */
export type Upstream = 'link' | 'resolver' | 'identity' | 'analytics' | 'gateway-access';

/** The same from the environment, for Docker and Kubernetes (`node envoy/render.ts --out DIR`). */
export const envoyConfig = defineConfig({
  seenAs: optional(text('HOP_ENVOY_SEEN_AS')),
  descriptorPath: text('HOP_ENVOY_DESCRIPTORS', { default: 'gen/hopline.binpb' }),
  spoolDir: text('HOP_SPOOL_DIR'),
  logDir: text('HOP_ENVOY_LOG_DIR'),
  publicAddress: address('HOP_ENVOY_PUBLIC_ADDRESS', { default: { host: '0.0.0.0', port: 8080 } }),
  /**
   * The base of short links. Its host is used for requests that may omit one; if it is https, HTTP/3 is offered on its port, and http
   * clients are redirected there.
   */
  publicUrl: optional(url('HOP_PUBLIC_URL')),
  internalAddress: address('HOP_ENVOY_INTERNAL_ADDRESS', { default: { host: '127.0.0.1', port: 8081 } }),
  adminPort: int('HOP_ENVOY_ADMIN_PORT', { min: 1, max: 65_535, default: 9901 }),
  stats: optional(address('HOP_ENVOY_STATS_ADDRESS')),
  link: addresses('HOP_LINK_ADDRESS'),
  resolver: addresses('HOP_RESOLVER_ADDRESSES'),
  identity: addresses('HOP_IDENTITY_ADDRESS'),
  analytics: addresses('HOP_ANALYTICS_ADDRESS'),
  gatewayAccess: addresses('HOP_GATEWAY_ACCESS_ADDRESS'),
  hotSet: optional(address('HOP_ENVOY_HOT_SET_ADDRESS')),
  apiHosts: list('HOP_API_HOSTS', { default: [] }),
  edgeId: text('HOP_EDGE_ID', { default: 'edge-1' }),
  concurrency: optional(int('HOP_ENVOY_CONCURRENCY', { min: 1, max: 256 })),
  trustedProxies: int('HOP_ENVOY_TRUSTED_PROXIES', { min: 0, max: 8, default: 0 }),
  tlsCertificate: optional(text('HOP_TLS_CERTIFICATE')),
  tlsKey: optional(text('HOP_TLS_KEY')),
  http3: bool('HOP_HTTP3', { default: false }),
  hstsSeconds: int('HOP_HSTS_SECONDS', { min: 0, max: 63_072_000, default: 31_536_000 }),
  redirectAddress: optional(address('HOP_ENVOY_REDIRECT_ADDRESS')),
  internalTlsCertificate: optional(text('HOP_INTERNAL_TLS_CERTIFICATE')),
  internalTlsKey: optional(text('HOP_INTERNAL_TLS_KEY')),
  internalClientCa: optional(text('HOP_INTERNAL_CLIENT_CA')),
  maxConnections: int('HOP_ENVOY_MAX_CONNECTIONS', { min: 10, max: 1_000_000, default: 10_000 }),
  maxHeapMb: int('HOP_ENVOY_MAX_HEAP_MB', { min: 64, max: 65_536, default: 512 }),
  otlpEndpoint: optional(url('HOP_OTLP_ENDPOINT')),
  /** The percentage of requests that are traced. */
  tracePercent: int('HOP_TRACE_PERCENT', { min: 0, max: 100, default: 1 }),
  ...rateLimitTable,
});

/** What compose/local takes from its own environment. */
const { otlpEndpoint, tracePercent, trustedProxies } = envoyConfig;
export const localConfig = { otlpEndpoint, tracePercent, trustedProxies };

export function settingsFrom(config: ConfigOf<typeof envoyConfig>, outDir: string): EnvoySettings {
  const { seenAs, concurrency, link, resolver, identity, analytics, gatewayAccess } = config;
  const publicTls = certificateOf('HOP_TLS', config.tlsCertificate, config.tlsKey);
  const internal = certificateOf('HOP_INTERNAL_TLS', config.internalTlsCertificate, config.internalTlsKey);
  const clientCa = config.internalClientCa;
  if (clientCa !== undefined && !internal)
    throw new ConfigError(['HOP_INTERNAL_CLIENT_CA needs HOP_INTERNAL_TLS_CERTIFICATE.']);
  if (config.http3 && !publicTls) throw new ConfigError(['HOP_HTTP3 needs HOP_TLS_CERTIFICATE.']);
  const { redirectAddress } = config;
  if (redirectAddress !== undefined && !publicTls)
    throw new ConfigError(['HOP_ENVOY_REDIRECT_ADDRESS needs HOP_TLS_CERTIFICATE.']);
  return {
    outDir,
    ...(seenAs === undefined ? {} : { seenAs }),
    descriptorPath: config.descriptorPath,
    spoolDir: config.spoolDir,
    logDir: config.logDir,
    publicAddress: config.publicAddress,
    internalAddress: config.internalAddress,
    adminPort: config.adminPort,
    ...(config.stats === undefined ? {} : { stats: config.stats }),
    upstreams: { link, resolver, identity, analytics, 'gateway-access': gatewayAccess },
    ...(config.hotSet === undefined ? {} : { hotSet: config.hotSet }),
    apiHosts: config.apiHosts,
    ...(config.publicUrl === undefined ? {} : { publicHost: new URL(config.publicUrl).host }),
    edgeId: config.edgeId,
    ...(concurrency === undefined ? {} : { concurrency }),
    trustedProxies: config.trustedProxies,
    ...(publicTls
      ? { publicTls, http3: config.http3, hstsSeconds: config.hstsSeconds, ...publicPortOf(config.publicUrl) }
      : {}),
    ...(redirectAddress === undefined ? {} : { redirectAddress }),
    ...(internal ? { internalTls: { ...internal, ...(clientCa === undefined ? {} : { clientCa }) } } : {}),
    maxConnections: config.maxConnections,
    maxHeapMb: config.maxHeapMb,
    rateLimits: config,
    ...tracesFrom(config),
  };
}

/** Envoy sends OTLP without TLS: where TLS is needed, put a collector beside it. Throws on any other endpoint. */
export function tracesFrom({
  otlpEndpoint,
  tracePercent: percent,
}: Pick<ConfigOf<typeof localConfig>, 'otlpEndpoint' | 'tracePercent'>): Pick<EnvoySettings, 'traces'> {
  if (otlpEndpoint === undefined) return {};
  const { protocol, hostname, port } = new URL(otlpEndpoint);
  if (protocol !== 'http:') throw new ConfigError(['HOP_OTLP_ENDPOINT has to be http://host:port for Envoy.']);
  return { traces: { collector: { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 4317) }, percent } };
}

function publicPortOf(publicUrl: string | undefined): Pick<EnvoySettings, 'publicPort'> {
  const { protocol, port } = new URL(publicUrl ?? 'http://none');
  return protocol === 'https:' ? { publicPort: Number(port || 443) } : {};
}

function certificateOf(prefix: string, certificate?: string, key?: string): Certificate | undefined {
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined)
    throw new ConfigError([`${prefix}_CERTIFICATE and ${prefix}_KEY belong together.`]);
  return { certificate, key };
}
