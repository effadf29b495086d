import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { counter, observe } from './metrics.ts';
import { metric } from './schema.ts';

const kinds: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak',
};
const collecting = counter(metric.processCollecting);

/** Reports how full this process's heap is and how long garbage collection paused it. Returns a function to stop. */
export function observeHeap(): () => void {
  const observer = new PerformanceObserver((list) => {
    // Node's types lack `detail`, although its documentation has it.
    for (const { duration, detail } of list.getEntries() as (PerformanceEntry & { detail: { kind: number } })[])
      collecting.add(duration / 1_000, { kind: kinds[detail.kind] ?? 'other' });
  });
  observer.observe({ type: 'gc' });
  const ends = [
    observe(metric.processHeap, { state: 'used' }, () => getHeapStatistics().used_heap_size),
    observe(metric.processHeap, { state: 'limit' }, () => getHeapStatistics().heap_size_limit),
    () => observer.disconnect(),
  ];
  return () => {
    for (const end of ends) end();
  };
}
