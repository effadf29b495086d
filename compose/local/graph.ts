// The parts of a mesh and their dependencies, from which the order of starting and stopping follows.
import type { PortName } from './ports/ports.ts';

export interface PartShape {
  /** All ports that it listens on; the first is the one shown. */
  readonly ports: readonly PortName[];
  /** Parts and tasks that are ready before it starts. */
  readonly dependsOn: readonly string[];
  /** The signal that stops it, and how long it may take before it is killed. */
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
  readonly stopMs: number;
  /** How far it yields to the others when cores are short; 0 when absent, at most 19. */
  readonly niceness?: number;
}

/** Postgres's fast shutdown: sessions are ended, then everything is written to disk. */
const database = { stopSignal: 'SIGINT', stopMs: 20_000 } as const;
/** A Node process refuses new calls at once and has 25 s for those in progress. */
const stopping = { stopSignal: 'SIGTERM', stopMs: 30_000 } as const;
/**
 * The door comes first, since it refuses what the services cannot do; clicks come last, since they can wait, and people who follow links
 * cannot (docs/decisions/0023-priorities.md).
 */
const service = { ...stopping, niceness: 3 } as const;
const clickService = { ...stopping, niceness: 10 } as const;
/** The lease of the hot set can wait less. */
const edgeService = { ...stopping, niceness: 5 } as const;

const needsOfLinks = ['migrations', 'valkey'] as const;
const needsOfResolvers = ['migrations', 'valkey', 'postgres-replica'] as const;
const needsOfClicks = ['migrations', 'topics'] as const;
/** What every Envoy calls; in addition it needs the gateway-edge of its own edge. */
const upstreams = [
  ...['link', 'link-2', 'identity', 'identity-2', 'resolver-1', 'resolver-2'],
  ...['analytics', 'analytics-2', 'gateway-access', 'gateway-access-2'],
] as const;
const door = { stopSignal: 'SIGTERM', stopMs: 10_000 } as const;

/**
 * The processes in the order of display. Their names are also those of their pid and log files. The second of a kind runs only if two are
 * requested (`KINDS`).
 */
export const PARTS = {
  postgres: { ports: ['postgres'], dependsOn: [], ...database },
  'postgres-replica': { ports: ['postgres-replica'], dependsOn: ['roles'], ...database },
  valkey: { ports: ['valkey'], dependsOn: [], stopSignal: 'SIGTERM', stopMs: 5_000 },
  kafka: { ports: ['kafka', 'kafka-controller'], dependsOn: [], stopSignal: 'SIGTERM', stopMs: 20_000, niceness: 10 },
  identity: { ports: ['identity', 'identity-metrics'], dependsOn: ['migrations'], ...service },
  'identity-2': { ports: ['identity-2', 'identity-2-metrics'], dependsOn: ['migrations'], ...service },
  link: { ports: ['link', 'link-metrics'], dependsOn: needsOfLinks, ...service },
  'link-2': { ports: ['link-2', 'link-2-metrics'], dependsOn: needsOfLinks, ...service },
  'resolver-1': { ports: ['resolver-1', 'resolver-1-metrics'], dependsOn: needsOfResolvers, ...service },
  'resolver-2': { ports: ['resolver-2', 'resolver-2-metrics'], dependsOn: needsOfResolvers, ...service },
  analytics: { ports: ['analytics', 'analytics-metrics'], dependsOn: needsOfClicks, ...clickService },
  'analytics-2': { ports: ['analytics-2', 'analytics-2-metrics'], dependsOn: needsOfClicks, ...clickService },
  'gateway-access': { ports: ['gateway-access', 'gateway-access-metrics'], dependsOn: ['valkey'], ...service },
  'gateway-access-2': { ports: ['gateway-access-2', 'gateway-access-2-metrics'], dependsOn: ['valkey'], ...service },
  'gateway-edge': { ports: ['gateway-edge', 'gateway-edge-metrics'], dependsOn: needsOfClicks, ...edgeService },
  'gateway-edge-2': { ports: ['gateway-edge-2', 'gateway-edge-2-metrics'], dependsOn: needsOfClicks, ...edgeService },
  envoy: {
    ports: ['envoy', 'envoy-internal', 'envoy-admin', 'envoy-stats'],
    dependsOn: [...upstreams, 'gateway-edge'],
    ...door,
  },
  'envoy-2': {
    ports: ['envoy-2', 'envoy-2-internal', 'envoy-2-admin', 'envoy-2-stats'],
    dependsOn: [...upstreams, 'gateway-edge-2'],
    ...door,
  },
} as const satisfies Readonly<Record<string, PartShape>>;

/** What is done once per start, between the processes. */
export const TASKS = {
  roles: { dependsOn: ['postgres'] },
  migrations: { dependsOn: ['roles'] },
  topics: { dependsOn: ['kafka'] },
} as const satisfies Readonly<Record<string, { readonly dependsOn: readonly string[] }>>;

export type PartName = keyof typeof PARTS;
export type TaskName = keyof typeof TASKS;
export type StepName = PartName | TaskName;

export const partNames = Object.keys(PARTS) as PartName[];
const taskNames = Object.keys(TASKS) as TaskName[];

/** The stateless processes, by kind. An Envoy and its gateway-edge form an edge. */
const KINDS = {
  link: ['link', 'link-2'],
  resolver: ['resolver-1', 'resolver-2'],
  identity: ['identity', 'identity-2'],
  analytics: ['analytics', 'analytics-2'],
  'gateway-access': ['gateway-access', 'gateway-access-2'],
  'gateway-edge': ['gateway-edge', 'gateway-edge-2'],
  envoy: ['envoy', 'envoy-2'],
} as const satisfies Readonly<Record<string, readonly [PartName, PartName]>>;

export type Kind = keyof typeof KINDS;
/** How many of each kind a mesh runs; always two resolvers. */
export type Instances = 1 | 2;

/** The processes of a kind in a mesh with this many of each. */
export function membersOf<Name extends Kind>(kind: Name, instances: Instances): (typeof KINDS)[Name][number][] {
  const [first, second] = KINDS[kind];
  return instances === 2 || kind === 'resolver' ? [first, second] : [first];
}

/** The parts of a mesh with this many processes of each kind. */
export function partsOf(instances: Instances): PartName[] {
  const kinds = Object.keys(KINDS) as Kind[];
  const left = new Set<PartName>(kinds.flatMap((kind) => KINDS[kind]));
  for (const member of kinds.flatMap((kind) => membersOf(kind, instances))) left.delete(member);
  return partNames.filter((name) => !left.has(name));
}

/** HOP_INSTANCES: 1 (the default) or 2. Throws on anything else. */
export function instancesFrom(env: Readonly<Record<string, string | undefined>>): Instances {
  const text = env.HOP_INSTANCES || '1';
  if (text === '1' || text === '2') return text === '2' ? 2 : 1;
  throw new Error(`HOP_INSTANCES is ${JSON.stringify(text)}; expected 1 or 2.`);
}

export const isPart = (name: string): name is PartName => Object.hasOwn(PARTS, name);

export const shapeOf = (part: PartName): PartShape => PARTS[part];

/**
 * What to start when only some parts are wanted: those, and the tasks whose dependencies all remain. A dependency that is left out is
 * dropped: it is not wanted, or runs elsewhere. Maps each step to what it waits for.
 */
export function selectSteps(wanted: readonly string[] = partsOf(1)): Map<StepName, StepName[]> {
  const unknown = wanted.filter((name) => !isPart(name));
  if (unknown.length > 0)
    throw new Error(`There is no part ${unknown.join(', ')}; the parts are ${partNames.join(', ')}.`);
  const kept = new Set<string>(wanted);
  for (const task of taskNames) if (TASKS[task].dependsOn.every((name) => kept.has(name))) kept.add(task);
  const steps = [...taskNames, ...partNames].filter((name) => kept.has(name));
  return new Map(steps.map((name) => [name, needsOf(name).filter((need) => kept.has(need))]));
}

function needsOf(step: StepName): StepName[] {
  const { dependsOn } = isPart(step) ? PARTS[step] : TASKS[step];
  return [...dependsOn];
}

/** Parts in groups that may be stopped together; dependents are in earlier groups. */
export function stopOrder(parts: readonly PartName[]): PartName[][] {
  const groups: PartName[][] = [];
  for (const part of parts) {
    const height = heightOf(part);
    groups[height] = [...(groups[height] ?? []), part];
  }
  return groups.filter((group) => group !== undefined).reverse();
}

/** The length of the longest chain of dependencies below a step. */
function heightOf(step: StepName): number {
  return Math.max(0, ...needsOf(step).map((need) => heightOf(need) + 1));
}
