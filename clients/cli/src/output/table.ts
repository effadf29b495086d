import { cut, padEnd, padStart, textWidth } from './text-width.ts';

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly right?: boolean;
  /** May be cut down to this many columns when the window is narrow. */
  readonly least?: number;
  /** Omitted first when the window is too narrow for all; the higher, the earlier. */
  readonly spare?: number;
  readonly paint?: (text: string) => string;
}

interface TableOptions {
  readonly width: number;
  readonly head: (text: string) => string;
}

const gap = '  ';

/** The lines of a table that fits the width: spare columns are dropped first, then long cells are cut. An infinite width fits everything. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { width, head }: TableOptions,
): string[] {
  const all = columns.map((column) => {
    const cells = rows.map((row) => column.text(row));
    // Not Math.max(...): there may be more rows than a call accepts arguments.
    const natural = cells.reduce((widest, cell) => Math.max(widest, textWidth(cell)), textWidth(column.title));
    return { column, cells, natural };
  });
  let shown = all.filter(({ cells }) => cells.some((cell) => cell !== ''));
  while (leastOf(shown) > width) {
    const spare = shown.reduce((a, b) => ((b.column.spare ?? 0) > (a.column.spare ?? 0) ? b : a));
    if (!spare.column.spare) break;
    shown = shown.filter((one) => one !== spare);
  }
  const widths = fit(shown, width);
  const line = (
    cellOf: (one: (typeof shown)[number]) => string,
    paintOf: (one: (typeof shown)[number]) => (text: string) => string,
  ) =>
    shown
      .map((one, index) => {
        const columns = widths[index] ?? 0;
        const cell = cut(cellOf(one), columns);
        const painted = paintOf(one)(cell);
        if (one.column.right) return padStart(painted, columns);
        return index === shown.length - 1 ? painted : padEnd(painted, columns);
      })
      .join(gap)
      .trimEnd();
  const plain = (text: string) => text;
  return [
    line(
      ({ column }) => column.title,
      () => head,
    ),
    ...rows.map((_, row) =>
      line(
        ({ cells }) => cells[row] ?? '',
        ({ column }) => column.paint ?? plain,
      ),
    ),
  ];
}

interface Measured {
  readonly column: { readonly least?: number };
  readonly natural: number;
}

const leastWidth = ({ column, natural }: Measured) => Math.min(natural, column.least ?? natural);

const leastOf = (shown: readonly Measured[]): number =>
  shown.reduce((sum, one) => sum + leastWidth(one), 0) + gap.length * (shown.length - 1);

/** Each column gets what it needs, and those that may be cut share what is left. */
function fit(shown: readonly Measured[], width: number): number[] {
  const widths = shown.map(leastWidth);
  let left = width - leastOf(shown);
  while (left > 0) {
    const hungry = widths.flatMap((own, index) => (own < (shown[index]?.natural ?? 0) ? [index] : []));
    if (hungry.length === 0) break;
    const share = Math.max(1, Math.floor(left / hungry.length));
    for (const index of hungry) {
      const more = Math.min(share, left, (shown[index]?.natural ?? 0) - (widths[index] ?? 0));
      widths[index] = (widths[index] ?? 0) + more;
      left -= more;
    }
  }
  return widths;
}
