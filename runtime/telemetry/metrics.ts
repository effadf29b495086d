import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { Address } from '../config/config.ts';
import { type Figures, figuresOf } from './figures.ts';
import type { Metric, MetricDefinition } from './schema.ts';

type AttributesOf<M extends Metric> = M['attributes'][number] extends never
  ? Readonly<Record<string, never>>
  : Readonly<Record<M['attributes'][number], string>>;
type Of<Kind extends Metric['kind']> = Extract<Metric, { kind: Kind }>;
type Given<M extends Metric> = M['attributes'][number] extends never ? [] : [attributes: AttributesOf<M>];

interface CounterOf<M extends Metric> {
  add(value: number, ...attributes: Given<M>): void;
}
interface HistogramOf<M extends Metric> {
  record(value: number, ...attributes: Given<M>): void;
}
interface Observation {
  readonly attributes: Attributes;
  readonly read: () => number;
}

// Modules create their instruments when they are loaded; the meter exists only once the process has read its configuration.
let meter: Meter | undefined;
let generation = 0;
const counters = new Set<Of<'counter'>>();
const observations = new Map<Of<'gauge'>, Set<Observation>>();

/** Counts nothing until startMetrics; after that the zeros of the definition exist. */
export function counter<M extends Of<'counter'>>(definition: M): CounterOf<M> {
  if (!counters.has(definition)) {
    counters.add(definition);
    if (meter) beginCounter(meter, definition);
  }
  const bound = binding((of) => of.createCounter(definition.name, describe(definition)));
  return { add: (value, ...[attributes]) => bound()?.add(value, attributes) };
}

export function histogram<M extends Of<'histogram'>>(definition: M): HistogramOf<M> {
  const advice = { explicitBucketBoundaries: [...definition.buckets] };
  const bound = binding((of) => of.createHistogram(definition.name, { ...describe(definition), advice }));
  return { record: (value, ...[attributes]) => bound()?.record(value, attributes) };
}

/** A value that is read at each scrape. Several observations of one metric differ in their attributes. Returns a function to stop. */
export function observe<M extends Of<'gauge'>>(
  definition: M,
  attributes: AttributesOf<M>,
  read: () => number,
): () => void {
  const observation: Observation = { attributes, read };
  let all = observations.get(definition);
  if (!all) {
    all = new Set();
    observations.set(definition, all);
    if (meter) registerGauge(meter, definition, all);
  }
  all.add(observation);
  return () => all.delete(observation);
}

export interface RunningMetrics {
  /** What Prometheus would get now. */
  read(): Promise<Figures>;
  stop(): Promise<void>;
}

/** Serves /metrics for Prometheus at the address; with port 0 the metrics are kept but not served (tests). */
export async function startMetrics(config: { instance: string; metricsAddress: Address }): Promise<RunningMetrics> {
  const { host, port } = config.metricsAddress;
  const exporter = new PrometheusExporter({ host, port, preventServerStart: true, withoutScopeInfo: true });
  const resource = resourceFromAttributes({ 'service.instance.id': config.instance });
  const provider = new MeterProvider({ resource, readers: [exporter] });
  if (port !== 0) await exporter.startServer();
  meter = provider.getMeter('hopline');
  generation++;
  for (const definition of counters) beginCounter(meter, definition);
  for (const [definition, all] of observations) registerGauge(meter, definition, all);
  const own = meter;
  return {
    read: async () => figuresOf((await exporter.collect()).resourceMetrics),
    async stop() {
      if (meter === own) meter = undefined;
      await provider.shutdown({ timeoutMillis: 1_000 });
    },
  };
}

function beginCounter(of: Meter, definition: Of<'counter'>): void {
  const { zeros = [] }: MetricDefinition = definition;
  const begun = of.createCounter(definition.name, describe(definition));
  for (const attributes of zeros) begun.add(0, attributes);
}

function registerGauge(of: Meter, definition: Of<'gauge'>, all: ReadonlySet<Observation>): void {
  of.createObservableGauge(definition.name, describe(definition)).addCallback((result: ObservableResult) => {
    for (const { read, attributes } of all) result.observe(read(), attributes);
  });
}

function binding<Instrument>(make: (meter: Meter) => Instrument): () => Instrument | undefined {
  let instrument: Instrument | undefined;
  let madeFor = 0;
  return () => {
    if (madeFor !== generation && meter) {
      instrument = make(meter);
      madeFor = generation;
    }
    return instrument;
  };
}

function describe(definition: Metric): { description: string; unit: string } {
  return { description: definition.description, unit: definition.unit };
}
