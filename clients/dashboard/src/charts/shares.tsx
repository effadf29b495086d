import { useState } from 'react';
import { Button } from '../components/controls/button.tsx';
import { count, share } from './numbers.ts';
import style from './shares.module.css';

interface Share {
  readonly value: string;
  readonly clicks: number;
}

interface SharesProps {
  /** What is shared out, as the heading of its column: "Country". */
  readonly of: string;
  readonly shares: readonly Share[];
  nameOf(value: string): string;
}

const shownAtFirst = 6;

/** Shares in descending order, as a table whose rows are bars. */
export function Shares({ of, shares, nameOf }: SharesProps) {
  const [isWhole, setWhole] = useState(false);
  if (shares.length === 0) return <p className={style.none}>Nothing in this range.</p>;
  const all = shares.reduce((sum, { clicks }) => sum + clicks, 0);
  const most = Math.max(...shares.map(({ clicks }) => clicks));
  const shown = isWhole ? shares : shares.slice(0, shownAtFirst);
  return (
    <>
      <table className={style.shares}>
        <caption className="only-read">Clicks by {of.toLowerCase()}, most first</caption>
        <thead className="only-read">
          <tr>
            <th scope="col">{of}</th>
            <th scope="col">Clicks</th>
            <th scope="col">Share</th>
          </tr>
        </thead>
        <tbody>
          {shown.map(({ value, clicks }) => (
            <tr key={value}>
              <th scope="row">
                <span className={style.name}>{nameOf(value)}</span>
                <svg className={style.bar} viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
                  <rect className={style.filled} width={Math.max(0.8, (100 * clicks) / most)} height="1" />
                </svg>
              </th>
              <td>{count(clicks)}</td>
              <td className={style.part}>{share(clicks, all)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {shares.length > shownAtFirst && (
        <Button look="quiet" small className={style.more} aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show fewer' : `Show all ${count(shares.length)}`}
        </Button>
      )}
    </>
  );
}
