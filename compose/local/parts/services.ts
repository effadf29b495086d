// The environment of each Node process of the mesh. A process gets only what it needs: no other service's password or key.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { installDir } from '../bootstrap/checkout.mjs';
import { type Instances, type Kind, membersOf, type PartName } from '../graph.ts';
import type { Layout } from '../layout.ts';
import type { PortName, Ports } from '../ports/ports.ts';
import { postgresUrl } from '../postgres/postgres.ts';
import type { Passwords, Secrets, Signer } from '../secrets.ts';

export interface MeshSettings {
  readonly layout: Layout;
  readonly ports: Ports;
  readonly secrets: Secrets;
  /** HOP_* variables of the shell that starts the mesh; they are passed to every process, but values set here take precedence. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How many processes of each kind run. */
  readonly instances: Instances;
  readonly detours?: Detours | undefined;
}

/**
 * Ports that a part is told for others, if not the real ones: tests put proxies there. For kafka, its own port is the one that it
 * advertises; for postgres-replica, that of postgres is the one from which it replicates.
 */
export type Detours = Partial<Record<PartName, Partial<Record<PortName, number>>>>;

/** The ports at which this part finds the others. */
export const portsSeenBy = (part: PartName, { ports, detours }: MeshSettings): Ports => ({
  ...ports,
  ...detours?.[part],
});

type ServiceKindName = Exclude<Kind, 'envoy'>;
export type ServicePart = ReturnType<typeof membersOf<ServiceKindName>>[number];

interface ServiceKind {
  readonly signer: Signer;
  readonly main: string;
  readonly role?: keyof Passwords;
  /** Limit of the JavaScript heap's old space in MiB. */
  readonly heapMb: number;
  readonly more: (settings: MeshSettings, part: ServicePart) => Record<string, string>;
}

/**
 * MiB of each half of the new space. By default Node takes more on machines with more memory (64 MiB at 24 GiB), and V8 starts to collect
 * the old space whenever it has less than that free: with these heaps, continually (docs/decisions/0022-heap.md).
 */
const SEMI_SPACE_MB = 16;

/**
 * The Node options for a process of this kind. The initial size is how far the old space may grow before it is collected: with limits as
 * small as these V8 would otherwise collect whenever it has grown by a third.
 */
export const nodeFlags = ({ heapMb }: Pick<ServiceKind, 'heapMb'>): readonly string[] => [
  `--max-old-space-size=${heapMb}`,
  `--initial-old-space-size=${heapMb - 2 * SEMI_SPACE_MB}`,
  `--max-semi-space-size=${SEMI_SPACE_MB}`,
  '--disable-warning=TimeoutNegativeWarning',
];

const codeKeys = ({ secrets }: MeshSettings): Record<string, string> => ({ HOP_CODE_KEYS_FILE: secrets.codeKeysFile });

/** Built by prepare.mjs; a mesh started directly by a test may come before that. */
const dashboard = (): Record<string, string> => {
  const dir = path.join(installDir, 'dashboard');
  return existsSync(dir) ? { HOP_DASHBOARD_DIR: dir } : {};
};

const kinds: Readonly<Record<ServiceKindName, ServiceKind>> = {
  link: { signer: 'link', main: 'services/link/main.ts', role: 'hop_link', heapMb: 192, more: codeKeys },
  resolver: {
    signer: 'resolver',
    main: 'services/resolver/main.ts',
    role: 'hop_resolver',
    heapMb: 192,
    more: codeKeys,
  },
  identity: {
    signer: 'identity',
    main: 'services/identity/main.ts',
    role: 'hop_identity',
    heapMb: 192,
    more: ({ secrets }) => ({ HOP_JWT_KEYS_FILE: secrets.jwtKeysFile }),
  },
  analytics: {
    signer: 'analytics',
    main: 'services/analytics/main.ts',
    role: 'hop_analytics',
    heapMb: 192,
    more: () => ({}),
  },
  'gateway-access': {
    signer: 'gateway-access',
    main: 'gateway/access/main.ts',
    heapMb: 192,
    // Everyone with an account on the local mesh may see its status.
    more: ({ env }) => ({ HOP_OPERATOR_WORKSPACES: env.HOP_OPERATOR_WORKSPACES ?? '*', ...dashboard() }),
  },
  'gateway-edge': {
    signer: 'gateway-edge',
    main: 'gateway/edge/main.ts',
    heapMb: 192,
    more: ({ layout, ports }, part) => {
      const envoy = part === 'gateway-edge-2' ? 'envoy-2' : 'envoy';
      const edge = edges[envoy];
      return {
        HOP_EDGE_ID: edge.id,
        HOP_SPOOL_DIR: spoolDir(layout, edge),
        HOP_ENVOY_ADMIN: `http://127.0.0.1:${ports[edge.ports.admin]}`,
        HOP_ENVOY_ROUTES_FILE: path.join(layout.data, envoy, 'routes/public.yaml'),
      };
    },
  },
};

/** An Envoy with its gateway-edge: its name, the click spool between the two, and their ports. */
interface Edge {
  readonly id: string;
  readonly spool: string;
  readonly ports: Readonly<Record<'public' | 'internal' | 'admin' | 'stats' | 'hotSet', PortName>>;
}

/** By the name of the Envoy. */
export const edges = {
  envoy: {
    id: 'edge-1',
    spool: 'spool',
    ports: {
      public: 'envoy',
      internal: 'envoy-internal',
      admin: 'envoy-admin',
      stats: 'envoy-stats',
      hotSet: 'gateway-edge',
    },
  },
  'envoy-2': {
    id: 'edge-2',
    spool: 'spool-2',
    ports: {
      public: 'envoy-2',
      internal: 'envoy-2-internal',
      admin: 'envoy-2-admin',
      stats: 'envoy-2-stats',
      hotSet: 'gateway-edge-2',
    },
  },
} as const satisfies Readonly<Record<ReturnType<typeof membersOf<'envoy'>>[number], Edge>>;

/** The kind of every service's process that a mesh can run. */
export const serviceKinds = Object.fromEntries(
  (Object.keys(kinds) as ServiceKindName[]).flatMap((kind) =>
    membersOf(kind, 2).map((part) => [part, kinds[kind]] as const),
  ),
) as Readonly<Record<ServicePart, ServiceKind>>;

export const serviceParts = Object.keys(serviceKinds) as ServicePart[];

/** Where Envoy writes click lines and gateway-edge reads them. */
export const spoolDir = (layout: Layout, edge: Edge): string => path.join(layout.data, edge.spool);

const publicUrl = (ports: Ports): string => `http://localhost:${ports.envoy}`;

/** The whole environment of one Node process of the mesh. */
export function serviceEnv(part: ServicePart, settings: MeshSettings): Record<string, string> {
  const { layout, secrets, env } = settings;
  const kind = serviceKinds[part];
  const seen = portsSeenBy(part, settings);
  const host = (name: PortName): string => `127.0.0.1:${seen[name]}`;
  const hosts = (name: ServiceKindName): string => membersOf(name, settings.instances).map(host).join(',');
  return {
    ...passedOn(env),
    // Compiled code is cached between starts, which halves the time that seven processes need on two cores. The tests share one cache for
    // all their meshes.
    NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE ?? path.join(layout.local, 'compile-cache'),
    HOP_INSTANCE: part,
    HOP_GRPC_ADDRESS: host(part),
    HOP_METRICS_ADDRESS: host(`${part}-metrics`),
    HOP_SERVICE_KEY_FILE: secrets.keyFile(kind.signer),
    HOP_CALLER_KEYS_FILE: secrets.callerKeysFile,
    HOP_REDIS_URL: `redis://:${secrets.passwords.valkey}@${host('valkey')}/0`,
    HOP_KAFKA_BROKERS: host('kafka'),
    HOP_LINK_ADDRESS: hosts('link'),
    HOP_IDENTITY_ADDRESS: hosts('identity'),
    HOP_ANALYTICS_ADDRESS: hosts('analytics'),
    HOP_RESOLVER_ADDRESSES: hosts('resolver'),
    HOP_GATEWAY_ACCESS_ADDRESS: hosts('gateway-access'),
    HOP_GATEWAY_EDGE_ADDRESS: hosts('gateway-edge'),
    ...publicNames(settings),
    ...(kind.role === undefined ? {} : databaseEnv(kind.role, { ...settings, ports: seen })),
    ...kind.more(settings, part),
  };
}

/** The public names of the mesh; all of them can be set at its start. */
export function publicNames({
  env,
  ports,
}: Pick<MeshSettings, 'env' | 'ports'>): Record<'HOP_DOMAINS' | 'HOP_HOST_ALIASES' | 'HOP_PUBLIC_URL', string> {
  return {
    HOP_DOMAINS: env.HOP_DOMAINS ?? 'localhost',
    HOP_HOST_ALIASES: env.HOP_HOST_ALIASES ?? '127.0.0.1,[::1]',
    HOP_PUBLIC_URL: env.HOP_PUBLIC_URL ?? publicUrl(ports),
  };
}

function databaseEnv(role: keyof Passwords, { ports, secrets }: MeshSettings): Record<string, string> {
  return {
    HOP_POSTGRES_PRIMARY: postgresUrl(role, secrets.passwords, ports.postgres),
    HOP_POSTGRES_REPLICAS: postgresUrl(role, secrets.passwords, ports['postgres-replica']),
  };
}

const PASSED_ON = ['PATH', 'HOME', 'LANG', 'TZ', 'NODE_EXTRA_CA_CERTS'];

export function passedOn(env: MeshSettings['env']): Record<string, string> {
  const names = Object.keys(env).filter((name) => PASSED_ON.includes(name) || name.startsWith('HOP_'));
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
