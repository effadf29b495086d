import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Metric } from './schema.ts';

/** One measurement of a metric: of a counter its sum, of a gauge its value, of a histogram how often it was recorded. */
export interface Figure {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: number;
}

/** What the metrics of this process said at one moment. */
export interface Figures {
  /** One for each combination of attributes; none where nothing was measured yet. */
  all(metric: Metric): readonly Figure[];
  /** Their sum; undefined where nothing was measured yet. */
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
