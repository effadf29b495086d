import { problemOf } from '../api/problem.ts';
import type { StreamStatus } from './follow.ts';
import style from './live-mark.module.css';

const words: Readonly<Record<StreamStatus, string>> = {
  connecting: 'Connecting',
  live: 'Live',
  waiting: 'Connecting again',
  paused: 'Paused',
  ended: 'Not live',
};

/** Whether the data updates by itself, and if not, why. */
export function LiveMark({ status, error }: { readonly status: StreamStatus; readonly error: unknown }) {
  const reason = error === undefined ? undefined : problemOf(error).title;
  return (
    <span className={style.mark} data-status={status} role="status">
      {words[status]}
      {reason && status !== 'live' && `: ${reason.toLowerCase()}`}
    </span>
  );
}
