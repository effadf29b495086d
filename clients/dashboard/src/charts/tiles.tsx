import type { ReactNode } from 'react';
import { Icon } from '../components/icon.tsx';
import { type Change, changeOf, count } from './numbers.ts';
import style from './tiles.module.css';

/** The key figures at the top of a page. */
export function Tiles({ children }: { children: ReactNode }) {
  return <dl className={style.tiles}>{children}</dl>;
}

interface TileProps {
  readonly label: string;
  readonly children: ReactNode;
  /** Below the figure. */
  readonly note?: ReactNode;
}

export function Tile({ label, children, note }: TileProps) {
  return (
    <div className={style.tile}>
      <dt>{label}</dt>
      <dd className={style.figure}>{children}</dd>
      {note && <dd className={style.note}>{note}</dd>}
    </div>
  );
}

interface CountTileProps {
  readonly label: string;
  readonly value: number;
  /** The value of the previous period; undefined while unknown. */
  readonly before: number | undefined;
  /** What it is compared with: "the 30 days before". */
  readonly than: string;
}

/** A count, and how it compares with the previous period. */
export function CountTile({ label, value, before, than }: CountTileProps) {
  return (
    <Tile
      label={label}
      note={
        <Comparison change={before === undefined ? undefined : changeOf(value, before)} before={before} than={than} />
      }
    >
      {count(value)}
    </Tile>
  );
}

function Comparison({
  change,
  before,
  than,
}: {
  change: Change | undefined;
  before: number | undefined;
  than: string;
}) {
  if (before === undefined) return ' ';
  if (!change) return `None in ${than}`;
  return (
    <span title={`${count(before)} in ${than}`}>
      <span className={style[change.direction]}>
        {change.direction !== 'same' && <Icon name={change.direction} size={14} />}
        {change.text}
      </span>{' '}
      <span className={style.than}>
        {change.direction === 'same' ? 'as' : 'than'} {than}
      </span>
    </span>
  );
}
