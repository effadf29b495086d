import type { ReactNode } from 'react';
import { ErrorState, Skeleton } from './states.tsx';

/** What Answer reads of a query of connect-query. */
interface Query<Data> {
  readonly data: Data | undefined;
  readonly error: Error | null;
  refetch(): unknown;
}

interface AnswerProps<Data> {
  readonly query: Query<Data>;
  /** What is drawn while waiting. */
  readonly skeleton?: ReactNode;
  children(data: Data): ReactNode;
}

/**
 * What a query answered; while it waits a skeleton, when it failed the reason with a way to try again. An old answer is
 * shown rather than the error of its renewal.
 */
export function Answer<Data>({ query, skeleton, children }: AnswerProps<Data>) {
  const retry = (): void => void query.refetch();
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <ErrorState error={query.error} retry={retry} />;
  return <Skeleton retry={retry}>{skeleton}</Skeleton>;
}
