import type uPlot from 'uplot';
import type { Interval } from '../../range/range.ts';
import { shortCount } from '../numbers.ts';

interface ChartOptions {
  readonly width: number;
  readonly interval: Interval;
  readonly hasBefore: boolean;
  /** The index of the highlighted point; undefined: none. */
  onChoose(index: number | undefined): void;
}

const height = 240;
/** Counts are whole: no lines between them. */
const countSteps = [1, 2, 5].flatMap((n) => Array.from({ length: 10 }, (_, power) => n * 10 ** power)).sort(ascending);

/** uPlot's options, with the colours that the design tokens have at the element. */
export function chartOptions(
  element: HTMLElement,
  { width, interval, hasBefore, onChoose }: ChartOptions,
): uPlot.Options {
  const colour = coloursOf(element);
  const [clicks, visitors] = [colour('--series-1'), colour('--series-2')];
  const [quiet, line, paper] = [colour('--quiet'), colour('--line'), colour('--card')];
  const axis = { stroke: quiet, font: `12px ${getComputedStyle(element).fontFamily}`, ticks: { show: false } } as const;
  const points = { show: true, size: 5, width: 1.5 } as const;
  const series: uPlot.Series[] = [
    {},
    { label: 'Clicks', stroke: clicks, width: 2, fill: faint(clicks), points: { ...points, fill: paper } },
    { label: 'Visitors', stroke: visitors, width: 2, points: { ...points, fill: paper } },
  ];
  if (hasBefore) {
    series.push({ label: 'Clicks before', stroke: quiet, width: 1.5, dash: [4, 4], points: { show: false } });
  }
  return {
    width,
    height,
    series,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { size: 9, fill: paper, width: 2 } },
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(4, most * 1.1)] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 30,
        space: 64,
        values: (_, times) => times.map((at) => tickName(at, interval)),
      },
      {
        ...axis,
        grid: { stroke: line, width: 1 },
        incrs: countSteps,
        size: 46,
        gap: 6,
        values: (_, values) => values.map(shortCount),
      },
    ],
    hooks: { setCursor: [({ cursor }) => onChoose(cursor.idx ?? undefined)] },
  };
}

const hourTick = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const dayTick = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const monthTick = new Intl.DateTimeFormat(undefined, { month: 'short', year: '2-digit' });

function tickName(seconds: number, interval: Interval): string {
  const date = new Date(seconds * 1_000);
  if (interval === 'month') return monthTick.format(date);
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
  return (interval === 'hour' && !isMidnight ? hourTick : dayTick).format(date);
}

/** Tokens may depend on the theme: the computed colour of an element gives their value. */
function coloursOf(element: HTMLElement): (token: string) => string {
  return (token) => {
    const probe = document.createElement('span');
    probe.style.color = `var(${token})`;
    element.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
}

/** The fill under a line, from its computed colour, which is `rgb(…)`. */
function faint(colour: string): string {
  return colour.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.12)');
}

function ascending(a: number, b: number): number {
  return a - b;
}
