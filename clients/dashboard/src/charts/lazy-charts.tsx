import { type ComponentProps, lazy, Suspense } from 'react';
import style from './lazy-charts.module.css';
import type EagerMap from './map/world-map.tsx';
import type EagerChart from './time/time-chart.tsx';

// The code that draws comes after the figures.
const LazyChart = lazy(() => import('./time/time-chart.tsx'));
const LazyMap = lazy(() => import('./map/world-map.tsx'));

export function TimeChart(props: ComponentProps<typeof EagerChart>) {
  return (
    <Suspense fallback={<div className={style.chart} />}>
      <LazyChart {...props} />
    </Suspense>
  );
}

export function WorldMap(props: ComponentProps<typeof EagerMap>) {
  return (
    <Suspense fallback={<div className={style.map} />}>
      <LazyMap {...props} />
    </Suspense>
  );
}
