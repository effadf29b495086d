import { type ReactNode, useEffect, useState } from 'react';
import { type Problem, problemOf } from '../../api/problem.ts';
import { momentName } from '../../range/moments.ts';
import { classes } from '../classes.ts';
import { Button } from '../controls/button.tsx';
import style from './states.module.css';

interface EmptyStateProps {
  readonly title: string;
  /** What to do about it. */
  readonly advice: ReactNode;
  readonly children?: ReactNode;
}

/** Shown if there is nothing yet, or nothing that matches. */
export function EmptyState({ title, advice, children }: EmptyStateProps) {
  return (
    <div className={style.state}>
      <h2>{title}</h2>
      <p>{advice}</p>
      {children && <div className={style.actions}>{children}</div>}
    </div>
  );
}

interface ErrorStateProps {
  readonly error: unknown;
  readonly retry?: (() => void) | undefined;
}

/** Shown in place of what failed: what happened, what to do, and a retry button. */
export function ErrorState({ error, retry }: ErrorStateProps) {
  const problem = problemOf(error);
  return (
    <div className={classes(style.state, style.error)} role="alert" data-reason={problem.reason}>
      <h2>{problem.title}</h2>
      <p>{problem.advice}</p>
      {retry && (
        <div className={style.actions}>
          <Button onClick={retry}>Try again</Button>
        </div>
      )}
    </div>
  );
}

interface OldNoteProps {
  readonly error: unknown;
  /** When it was new, in milliseconds since 1970. */
  readonly at: number;
  readonly isBusy: boolean;
  readonly retry: () => void;
}

/** Shown above data that could not be refreshed: why, how old it is, and a retry button. */
export function OldNote({ error, at, isBusy, retry }: OldNoteProps) {
  const { title, reason } = problemOf(error);
  return (
    <div className={style.old} data-reason={reason}>
      <p role="alert">
        <strong>{title}.</strong> Last updated: {momentName(at, Date.now())}.
      </p>
      <Button small busy={isBusy} onClick={retry}>
        Try again
      </Button>
    </div>
  );
}

/** A problem inside a form or a dialog, in one line. */
export function ErrorNote({ problem }: { problem: Problem | undefined }) {
  if (!problem) return null;
  return (
    <p className={style.note} role="alert" data-reason={problem.reason}>
      <strong>{problem.title}.</strong> {problem.advice}
    </p>
  );
}

/** After this nobody believes a skeleton any more. */
const lateMs = 10_000;
const late = new DOMException('No answer in time.', 'TimeoutError');

interface SkeletonProps {
  readonly rows?: number;
  readonly retry: () => void;
  /** What is drawn while waiting; absent: `rows` bars. */
  readonly children?: ReactNode;
}

/** A placeholder for pending content; becomes an error with a retry button if it does not arrive. */
export function Skeleton({ rows = 6, retry, children }: SkeletonProps) {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    if (isLate) return;
    const timer = setTimeout(() => setLate(true), lateMs);
    return () => clearTimeout(timer);
  }, [isLate]);
  if (isLate) {
    const again = (): void => {
      setLate(false);
      retry();
    };
    return <ErrorState error={late} retry={again} />;
  }
  return (
    <div role="status">
      <span className="only-read">Loading</span>
      <div className={style.skeleton} aria-hidden="true">
        {children ?? Array.from({ length: rows }, (_, row) => <div key={String(row)} className={style.bar} />)}
      </div>
    </div>
  );
}
