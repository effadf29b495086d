import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Metric } from './schema.ts';

/** One measurement of a metric: the sum of a counter, the value of a gauge, the number of recordings of a histogram. */
export interface Figure {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: number;
}

/** The metrics of this process at one moment. */
export interface Figures {
  /** One for each combination of attributes; none if nothing was measured yet. */
  all(metric: Metric): readonly Figure[];
  /** Their sum; undefined if nothing was measured yet. */
  sum(metric: Metric): number | undefined;
}

export function figuresOf({ scopeMetrics }: Pick<ResourceMetrics, 'scopeMetrics'>): Figures {
  const byName = new Map<string, Figure[]>();
  for (const { descriptor, dataPoints } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
    const figures = dataPoints.map(({ attributes, value }) => ({
      attributes,
      value: typeof value === 'number' ? value : value.count,
    }));
    byName.set(descriptor.name, figures);
  }
  const all = ({ name }: Metric): readonly Figure[] => byName.get(name) ?? [];
  return {
    all,
    sum(metric) {
      const figures = all(metric);
      return figures.length === 0 ? undefined : figures.reduce((sum, { value }) => sum + value, 0);
    },
  };
}
