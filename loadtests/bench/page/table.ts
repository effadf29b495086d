/** A Markdown table; all columns but the first hold figures. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = titles.map((_, at) => (at === 0 ? '---' : '---:'));
  return [line(titles), line(rule), ...rows.map(line)].join('\n');
}

/** What was not measured is no number. */
const shown = (value: number, text: () => string): string => (Number.isFinite(value) ? text() : '–');

/** Microseconds. */
export const us = (value: number): string => shown(value, () => (value < 10 ? value.toFixed(1) : value.toFixed(0)));
/** Milliseconds. */
export const ms = (value: number): string => shown(value, () => value.toFixed(2));
export const percent = (share: number): string => shown(share, () => `${(share * 100).toFixed(0)} %`);
export const whole = (value: number): string => shown(value, () => value.toFixed(0));
