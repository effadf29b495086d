import { useState } from 'react';
import { pointName } from '../../range/moments.ts';
import type { Interval } from '../../range/range.ts';
import { count } from '../numbers.ts';
import type { ChartPoint } from './chart-points.ts';
import style from './point-table.module.css';

interface PointTableProps {
  readonly caption: string;
  readonly points: readonly ChartPoint[];
  readonly before: readonly ChartPoint[];
  readonly interval: Interval;
}

/** The numbers of a chart, for those who prefer reading. Rendered only when opened. */
export function PointTable({ caption, points, before, interval }: PointTableProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className={style.details} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Show as a table</summary>
      {isOpen && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        <section className={style.scroll} tabIndex={0} aria-label={caption}>
          <table>
            <caption className="only-read">{caption}</caption>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Clicks</th>
                <th scope="col">Visitors</th>
                {before.length > 0 && <th scope="col">Clicks before</th>}
              </tr>
            </thead>
            <tbody>
              {points.map(({ at, clicks, visitors }, index) => (
                <tr key={at}>
                  <th scope="row">{pointName(at, interval)}</th>
                  <td>{count(clicks)}</td>
                  <td>{count(visitors)}</td>
                  {before.length > 0 && <td>{before[index] ? count(before[index].clicks) : '–'}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </details>
  );
}
