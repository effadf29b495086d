// The environment of each Node process of the mesh. A process is given only what it needs: no other service's password or key.
import path from 'node:path';
import type { PartName } from './graph.ts';
import type { Layout } from './layout.ts';
import type { PortName, Ports } from './ports.ts';
import { postgresUrl } from './postgres.ts';
import type { Passwords, Secrets, Signer } from './secrets.ts';

export interface MeshSettings {
  readonly layout: Layout;
  readonly ports: Ports;
  readonly secrets: Secrets;
  /** HOP_* variables of whoever starts the mesh; they reach every process, what is set here wins. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type ServicePart = Extract<
  PartName,
  'link' | 'resolver-1' | 'resolver-2' | 'identity' | 'analytics' | 'gateway-access' | 'gateway-edge'
>;

interface ServiceKind {
  readonly signer: Signer;
  readonly main: string;
  readonly role?: keyof Passwords;
  /** Upper bound of the JavaScript heap in MiB. At 128 Node 24 collects without end, and a call costs 1,650 us, not 100. */
  readonly heapMb: number;
  readonly more: (settings: MeshSettings) => Record<string, string>;
}

const codeKeys = ({ secrets }: MeshSettings): Record<string, string> => ({ HOP_CODE_KEYS_FILE: secrets.codeKeysFile });

const resolver: ServiceKind = {
  signer: 'resolver',
  main: 'services/resolver/main.ts',
  role: 'hop_resolver',
  heapMb: 192,
  more: codeKeys,
};

export const serviceKinds: Readonly<Record<ServicePart, ServiceKind>> = {
  link: { signer: 'link', main: 'services/link/main.ts', role: 'hop_link', heapMb: 192, more: codeKeys },
  'resolver-1': resolver,
  'resolver-2': resolver,
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
  'gateway-access': { signer: 'gateway-access', main: 'gateway/access/main.ts', heapMb: 192, more: () => ({}) },
  'gateway-edge': {
    signer: 'gateway-edge',
    main: 'gateway/edge/main.ts',
    heapMb: 192,
    more: ({ layout, ports }) => ({
      HOP_SPOOL_DIR: spoolDir(layout),
      HOP_ENVOY_ADMIN: `http://127.0.0.1:${ports['envoy-admin']}`,
    }),
  },
};

export const serviceParts = Object.keys(serviceKinds) as ServicePart[];

/** Where Envoy writes click lines and gateway-edge reads them. */
export const spoolDir = (layout: Layout): string => path.join(layout.data, 'spool');

const publicUrl = (ports: Ports): string => `http://localhost:${ports.envoy}`;

/** The whole environment of one Node process of the mesh. */
export function serviceEnv(part: ServicePart, settings: MeshSettings): Record<string, string> {
  const { layout, ports, secrets, env } = settings;
  const kind = serviceKinds[part];
  const host = (name: PortName): string => `127.0.0.1:${ports[name]}`;
  return {
    ...passedOn(env),
    // Compiled code is kept between starts; it halves the time that seven processes need on two cores.
    NODE_COMPILE_CACHE: path.join(layout.local, 'compile-cache'),
    HOP_INSTANCE: part,
    HOP_GRPC_ADDRESS: host(part),
    HOP_METRICS_ADDRESS: host(`${part}-metrics`),
    HOP_SERVICE_KEY_FILE: secrets.keyFile(kind.signer),
    HOP_CALLER_KEYS_FILE: secrets.callerKeysFile,
    HOP_REDIS_URL: `redis://:${secrets.passwords.valkey}@${host('valkey')}/0`,
    HOP_KAFKA_BROKERS: host('kafka'),
    HOP_LINK_ADDRESS: host('link'),
    HOP_IDENTITY_ADDRESS: host('identity'),
    HOP_ANALYTICS_ADDRESS: host('analytics'),
    HOP_RESOLVER_ADDRESSES: `${host('resolver-1')},${host('resolver-2')}`,
    HOP_GATEWAY_ACCESS_ADDRESS: host('gateway-access'),
    HOP_GATEWAY_EDGE_ADDRESS: host('gateway-edge'),
    ...publicNames(settings),
    HOP_EDGE_ID: 'edge-1',
    ...(kind.role === undefined ? {} : databaseEnv(kind.role, settings)),
    ...kind.more(settings),
  };
}

/** Under which names the mesh is known outside; all of them may be set by whoever starts it. */
export function publicNames({ env, ports }: Pick<MeshSettings, 'env' | 'ports'>): Record<string, string> {
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
