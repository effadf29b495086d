import type { ReactNode } from 'react';
import { classes } from './classes.ts';
import style from './table.module.css';

export interface Column<Row> {
  readonly header: string;
  /** Counts and times stand to the right, so that they can be compared. */
  readonly isNumber?: boolean;
  /** True: the cell speaks for itself; on a narrow screen its header is left out. */
  readonly isPlain?: boolean;
  /** What can be done with the row: at its end, under a header that is only read out. */
  readonly isAction?: boolean;
  cell(row: Row): ReactNode;
}

interface TableProps<Row> {
  /** What the table shows; read out. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** True inside a panel, which has a frame already. */
  readonly frameless?: boolean;
  keyOf(row: Row): string;
}

/** A table of at most some hundred rows; on a narrow screen each row is a card. */
export function Table<Row>({ caption, columns, rows, frameless, keyOf }: TableProps<Row>) {
  return (
    <div className={classes(style.scroll, frameless ? style.frameless : style.framed)}>
      <table className={style.table}>
        <caption className="only-read">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ header, isNumber, isAction }) => (
              <th key={header} scope="col" className={isNumber ? style.number : undefined}>
                {isAction ? <span className="only-read">{header}</span> : header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ header, isNumber, isPlain, isAction, cell }) => (
                <td
                  key={header}
                  className={classes(isNumber && style.number, isAction && style.action)}
                  data-label={isPlain || isAction ? undefined : header}
                >
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
