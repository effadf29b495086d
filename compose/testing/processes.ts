import { ConfigError, type ConfigSpec, loadConfig } from '#runtime/config/config.ts';
import { accessConfig } from '../../gateway/access/config.ts';
import { edgeConfig } from '../../gateway/edge/config.ts';
import { analyticsConfig } from '../../services/analytics/config.ts';
import { identityConfig } from '../../services/identity/config.ts';
import { linkConfig } from '../../services/link/config.ts';
import { resolverConfig } from '../../services/resolver/config.ts';
import type { Kind } from '../local/graph.ts';

type Environment = Readonly<Record<string, string>>;

interface Process {
  /** What runs. */
  readonly main: string;
  /** What it declares that it reads. */
  readonly spec: ConfigSpec;
}

/** Every kind of process of ours. The tests of compose, deploy and docs ask for what each of them needs there. */
export const processes: Readonly<Record<string, Process>> = {
  link: { main: 'services/link/main.ts', spec: linkConfig },
  resolver: { main: 'services/resolver/main.ts', spec: resolverConfig },
  identity: { main: 'services/identity/main.ts', spec: identityConfig },
  analytics: { main: 'services/analytics/main.ts', spec: analyticsConfig },
  'gateway-access': { main: 'gateway/access/main.ts', spec: accessConfig },
  'gateway-edge': { main: 'gateway/edge/main.ts', spec: edgeConfig },
} satisfies Readonly<Record<Exclude<Kind, 'envoy'>, Process>>;

/** What a process would say of this environment at its start, and variables that it would not read: misspelt, most likely. */
export function faultsOf(spec: ConfigSpec, environment: Environment): string[] {
  const read = new Set(Object.values(spec).map(({ name }) => name));
  const unread = Object.keys(environment).filter((name) => name.startsWith('HOP_') && !read.has(name));
  const faults = unread.map((name) => `${name} is not read.`);
  try {
    loadConfig(spec, environment);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(...error.problems);
  }
  return faults;
}

/** The names of the variables that hold addresses of other parts of the mesh. */
export function addressVariables(environment: Environment): [name: string, address: string][] {
  const names = Object.keys(environment).filter((name) =>
    /^HOP_(\w+_ADDRESS(ES)?|KAFKA_BROKERS|POSTGRES_\w+|REDIS_URL)$/.test(name),
  );
  const others = names.filter(
    (name) => !/^HOP_(GRPC|METRICS|ENVOY_PUBLIC|ENVOY_INTERNAL|ENVOY_STATS)_ADDRESS$/.test(name),
  );
  return others.flatMap((name) =>
    (environment[name] ?? '').split(',').map((address): [string, string] => [name, hostPort(address)]),
  );
}

const hostPort = (address: string): string => (address.includes('://') ? new URL(address).host : address);
