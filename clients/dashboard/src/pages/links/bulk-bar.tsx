import type { Link } from '#gen/link/v1/link_pb.ts';
import { count } from '../../charts/numbers.ts';
import { Button } from '../../components/controls/button.tsx';
import style from './links.module.css';
import type { LinkActions } from './use-link-actions.ts';

interface BulkBarProps {
  readonly chosen: readonly Link[];
  readonly actions: LinkActions;
  chooseAll(): void;
  clear(): void;
}

/** What can be done to all chosen links at once. */
export function BulkBar({ chosen, actions, chooseAll, clear }: BulkBarProps) {
  if (chosen.length === 0) return null;
  const isDeleted = chosen.every(({ state }) => state === 'deleted');
  const run = (action: () => void) => () => {
    action();
    clear();
  };
  return (
    <section className={style.bulk} aria-label="Selection">
      <strong>{count(chosen.length)} selected</strong>
      <Button small onClick={chooseAll}>
        Select all loaded
      </Button>
      {isDeleted ? (
        <Button small icon="restore" onClick={run(() => actions.restore(chosen))}>
          Restore
        </Button>
      ) : (
        <>
          <Button small icon="play" onClick={run(() => actions.setActive(chosen, true))}>
            Enable
          </Button>
          <Button small icon="pause" onClick={run(() => actions.setActive(chosen, false))}>
            Disable
          </Button>
          <Button small look="danger" icon="trash" onClick={run(() => actions.remove(chosen))}>
            Delete
          </Button>
        </>
      )}
      <Button small look="quiet" icon="close" onClick={clear}>
        Clear
      </Button>
    </section>
  );
}
