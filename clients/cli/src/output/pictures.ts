import { cut, padEnd, padStart, textWidth } from './text-width.ts';

const levels = '▁▂▃▄▅▆▇█';
const eighths = ' ▏▎▍▌▋▊▉';

/** One character per value, at most `width`: more values are summed in groups. Zero is the lowest line. */
export function sparkline(values: readonly number[], width: number): string {
  const perGroup = Math.max(1, Math.ceil(values.length / width));
  const groups: number[] = [];
  for (let start = 0; start < values.length; start += perGroup)
    groups.push(values.slice(start, start + perGroup).reduce((sum, value) => sum + value, 0));
  const most = Math.max(...groups, 0);
  // Anything above zero looks like more than zero.
  const levelOf = (value: number) => (value === 0 ? 0 : Math.max(1, Math.round((value / most) * (levels.length - 1))));
  return groups.map((value) => levels[most === 0 ? 0 : levelOf(value)]).join('');
}

interface BarRow {
  readonly label: string;
  readonly value: number;
}

interface BarOptions {
  readonly width: number;
  readonly paint: (text: string) => string;
}

const widestLabel = 24;
const widestBar = 40;
const leastBar = 6;
/** Two before a row, two on each side of its bar, five for its share, and the last column, where some terminals wrap. */
const besideBar = 12;

/** Rows of a bar chart, drawn to an eighth of a character, with number and share. */
export function bars(rows: readonly BarRow[], total: number, { width, paint }: BarOptions): string[] {
  const most = Math.max(...rows.map(({ value }) => value), 1);
  const figures = rows.map(({ value }) => value.toLocaleString('en'));
  const figureWidth = Math.max(...figures.map((figure) => figure.length));
  // In a narrow window long labels are cut before the bars run out of room.
  const labelRoom = Math.max(leastBar, Math.min(widestLabel, width - figureWidth - besideBar - leastBar));
  const labels = rows.map(({ label }) => cut(label, labelRoom));
  const labelWidth = Math.max(...labels.map(textWidth));
  const room = Math.max(leastBar, Math.min(widestBar, width - labelWidth - figureWidth - besideBar));
  return rows.map(({ value }, index) => {
    const share = total > 0 ? `${Math.round((value / total) * 100)}%` : '';
    const drawn = bar(value / most, room);
    return `  ${padEnd(labels[index] ?? '', labelWidth)}  ${padEnd(paint(drawn), room)}  ${padStart(figures[index] ?? '', figureWidth)} ${padStart(share, 4)}`;
  });
}

function bar(part: number, width: number): string {
  const units = Math.max(1, Math.round(part * width * 8));
  const rest = units % 8;
  return '█'.repeat(Math.floor(units / 8)) + (rest === 0 ? '' : (eighths[rest] ?? ''));
}
