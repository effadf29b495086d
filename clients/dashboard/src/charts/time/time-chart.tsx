import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useTheme } from '../../design/theme.ts';
import { pointName } from '../../range/moments.ts';
import type { Interval } from '../../range/range.ts';
import { count } from '../numbers.ts';
import type { ChartPoint } from './chart-points.ts';
import { PointTable } from './point-table.tsx';
import style from './time-chart.module.css';
import { chartOptions } from './time-chart-options.ts';

interface TimeChartProps {
  readonly points: readonly ChartPoint[];
  /** The same for the previous period, point by point; empty: no comparison. */
  readonly before: readonly ChartPoint[];
  readonly interval: Interval;
  /** What it shows; read out. */
  readonly caption: string;
}

/** Clicks and visitors over time. The arrow keys move from point to point; the same numbers are in a table below. */
export default function TimeChart({ points, before, interval, caption }: TimeChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const [chosen, setChosen] = useState<number>();
  const [theme] = useTheme();
  const isDark = useDark();
  const data = useMemo(() => dataOf(points, before), [points, before]);
  const hasBefore = before.length > 0;
  // A chart has its colours and its series for good; what it shows is set below.
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const width = (): number => Math.max(200, element.clientWidth);
    const options = chartOptions(element, { width: width(), interval, hasBefore, onChoose: setChosen });
    const made = new uPlot(options, data, element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: width(), height: made.height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
    };
  }, [theme, isDark, interval, hasBefore]);
  useEffect(() => plot.current?.setData(data), [data]);

  const last = points.length - 1;
  const shown = Math.min(chosen ?? last, last);
  const choose = (index: number): void => {
    const made = plot.current;
    const at = points[index]?.at;
    if (!made || at === undefined) return;
    setChosen(index);
    made.setCursor({ left: made.valToPos(at / 1_000, 'x'), top: made.height / 3 }, false);
  };
  const onKey = (event: KeyboardEvent): void => {
    const next = stepOf(event.key, shown, last);
    if (next === undefined) return;
    event.preventDefault();
    choose(next);
  };
  return (
    <figure className={style.figure}>
      <Readout point={points[shown]} before={before[shown]} interval={interval} />
      <div
        className={style.plot}
        role="slider"
        tabIndex={0}
        aria-label={caption}
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={Math.max(0, last)}
        aria-valuenow={Math.max(0, shown)}
        aria-valuetext={textOf(points[shown], before[shown], interval)}
        onKeyDown={onKey}
      >
        <div ref={place} aria-hidden="true" />
      </div>
      <PointTable caption={caption} points={points} before={before} interval={interval} />
    </figure>
  );
}

/** The values of the highlighted point, in the colours of the lines. */
function Readout({
  point,
  before,
  interval,
}: {
  point: ChartPoint | undefined;
  before: ChartPoint | undefined;
  interval: Interval;
}) {
  if (!point) return null;
  return (
    <div className={style.readout} aria-hidden="true">
      <strong>{pointName(point.at, interval)}</strong>
      <span className={style.clicks}>
        {count(point.clicks)} {point.clicks === 1 ? 'click' : 'clicks'}
      </span>
      <span className={style.visitors}>
        {count(point.visitors)} {point.visitors === 1 ? 'visitor' : 'visitors'}
      </span>
      {before && <span className={style.before}>before: {count(before.clicks)}</span>}
    </div>
  );
}

function textOf(point: ChartPoint | undefined, before: ChartPoint | undefined, interval: Interval): string {
  if (!point) return 'No points';
  const was = before ? `; ${count(before.clicks)} clicks in the period before` : '';
  return `${pointName(point.at, interval)}: ${count(point.clicks)} clicks, ${count(point.visitors)} visitors${was}`;
}

const steps: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowDown: -1,
  ArrowRight: 1,
  ArrowUp: 1,
  PageDown: -7,
  PageUp: 7,
};

function stepOf(key: string, shown: number, last: number): number | undefined {
  if (key === 'Home') return 0;
  if (key === 'End') return last;
  const step = steps[key];
  return step === undefined ? undefined : Math.max(0, Math.min(last, shown + step));
}

function dataOf(points: readonly ChartPoint[], before: readonly ChartPoint[]): uPlot.AlignedData {
  const times = points.map(({ at }) => at / 1_000);
  const clicks = points.map((point) => point.clicks);
  const visitors = points.map((point) => point.visitors);
  if (before.length === 0) return [times, clicks, visitors];
  return [times, clicks, visitors, points.map((_, index) => before[index]?.clicks ?? null)];
}

function useDark(): boolean {
  const [isDark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const onChange = (): void => setDark(query.matches);
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  return isDark;
}
