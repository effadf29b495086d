// What a mesh consists of and what stands on what; the order of starting and stopping follows from it.
import type { PortName } from './ports.ts';

export interface PartShape {
  /** All ports that it listens on; the first is the one shown. */
  readonly ports: readonly PortName[];
  /** Parts and tasks that are ready before it starts. */
  readonly dependsOn: readonly string[];
  /** How it is asked to stop, and how long it may take before it is killed. */
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
  readonly stopMs: number;
}

/** Postgres's fast shutdown: sessions are ended, then all is written. */
const database = { stopSignal: 'SIGINT', stopMs: 20_000 } as const;
/** A Node process refuses new calls at once and has 25 s for those that run. */
const service = { stopSignal: 'SIGTERM', stopMs: 30_000 } as const;

/** The processes, in the order in which they are shown. Their names are those of their pid and log files. */
export const PARTS = {
  postgres: { ports: ['postgres'], dependsOn: [], ...database },
  'postgres-replica': { ports: ['postgres-replica'], dependsOn: ['roles'], ...database },
  valkey: { ports: ['valkey'], dependsOn: [], stopSignal: 'SIGTERM', stopMs: 5_000 },
  kafka: { ports: ['kafka', 'kafka-controller'], dependsOn: [], stopSignal: 'SIGTERM', stopMs: 20_000 },
  identity: { ports: ['identity', 'identity-metrics'], dependsOn: ['migrations', 'valkey'], ...service },
  link: { ports: ['link', 'link-metrics'], dependsOn: ['migrations', 'valkey'], ...service },
  'resolver-1': {
    ports: ['resolver-1', 'resolver-1-metrics'],
    dependsOn: ['migrations', 'valkey', 'postgres-replica'],
    ...service,
  },
  'resolver-2': {
    ports: ['resolver-2', 'resolver-2-metrics'],
    dependsOn: ['migrations', 'valkey', 'postgres-replica'],
    ...service,
  },
  analytics: { ports: ['analytics', 'analytics-metrics'], dependsOn: ['migrations', 'topics'], ...service },
  'gateway-access': { ports: ['gateway-access', 'gateway-access-metrics'], dependsOn: ['valkey'], ...service },
  'gateway-edge': { ports: ['gateway-edge', 'gateway-edge-metrics'], dependsOn: ['migrations', 'topics'], ...service },
  envoy: {
    ports: ['envoy', 'envoy-internal', 'envoy-admin'],
    dependsOn: ['link', 'identity', 'resolver-1', 'resolver-2', 'analytics', 'gateway-access', 'gateway-edge'],
    stopSignal: 'SIGTERM',
    stopMs: 10_000,
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

export const isPart = (name: string): name is PartName => Object.hasOwn(PARTS, name);

export const shapeOf = (part: PartName): PartShape => PARTS[part];

/**
 * What is to be started when only some parts are wanted: those, and the tasks all of whose needs remain. A need that is left
 * out is dropped: it is not wanted, or runs elsewhere. Each step maps to what it waits for.
 */
export function selectSteps(wanted: readonly string[] = partNames): Map<StepName, StepName[]> {
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

/** Parts in groups that may be stopped together; whoever needs a part stands in an earlier group. */
export function stopOrder(parts: readonly PartName[]): PartName[][] {
  const groups: PartName[][] = [];
  for (const part of parts) {
    const height = heightOf(part);
    groups[height] = [...(groups[height] ?? []), part];
  }
  return groups.filter((group) => group !== undefined).reverse();
}

/** How many parts and tasks stand, one on the other, below a step. */
function heightOf(step: StepName): number {
  return Math.max(0, ...needsOf(step).map((need) => heightOf(need) + 1));
}
