import { createContext, type ReactNode, use } from 'react';
import { ErrorState, OldNote, Skeleton } from './states.tsx';

/** What Answer reads of a query of connect-query. */
interface Query<Data> {
  readonly data: Data | undefined;
  /** When data was answered, in milliseconds since 1970. */
  readonly dataUpdatedAt: number;
  readonly error: Error | null;
  readonly isFetching: boolean;
  /** Of a list that is loaded in pages: what failed is the next one, and the page says so where that would stand. */
  readonly isFetchNextPageError?: boolean;
  refetch(): unknown;
}

interface AnswerProps<Data> {
  readonly query: Query<Data>;
  /** What is drawn while waiting. */
  readonly skeleton?: ReactNode;
  children(data: Data): ReactNode;
}

/** Whether a note above already says that the data is out of date. */
const OldContext = createContext(false);

/**
 * The answer of a query; a skeleton while it is pending, and the reason with a retry button after a failure. If a refresh failed, the old
 * answer stays, marked as out of date.
 */
export function Answer<Data>({ query, skeleton, children }: AnswerProps<Data>) {
  const retry = (): void => void query.refetch();
  const isSaid = use(OldContext);
  if (query.data !== undefined) {
    const error = query.isFetchNextPageError ? null : query.error;
    return (
      <OldContext value={isSaid || error !== null}>
        {error && !isSaid && <OldNote error={error} at={query.dataUpdatedAt} isBusy={query.isFetching} retry={retry} />}
        {children(query.data)}
      </OldContext>
    );
  }
  if (query.error) return <ErrorState error={query.error} retry={retry} />;
  return <Skeleton retry={retry}>{skeleton}</Skeleton>;
}
