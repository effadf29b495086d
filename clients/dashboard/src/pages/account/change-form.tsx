import { type ReactNode, useId, useRef } from 'react';
import { type Problem, problemOf } from '../../api/problem.ts';
import { Button } from '../../components/controls/button.tsx';
import { useFocusOnFault } from '../../components/controls/use-focus-on-fault.ts';
import { ErrorNote } from '../../components/feedback/states.tsx';
import style from './account.module.css';

interface ChangeFormProps {
  readonly title: string;
  readonly lead: ReactNode;
  readonly submit: string;
  /** Of the button; danger: what it does cannot be undone. */
  readonly look?: 'primary' | 'danger';
  readonly isBusy: boolean;
  readonly problem: Problem | undefined;
  /** True: the page itself says at a field that it is wrong. */
  readonly isWrong?: boolean;
  /** What was typed, by the names of the fields, and what empties them. */
  onSubmit(text: (field: string) => string, reset: () => void): void;
  readonly children: ReactNode;
}

/** One thing to change. */
export function ChangeForm({
  title,
  lead,
  submit,
  look = 'primary',
  isBusy,
  problem,
  isWrong = false,
  onSubmit,
  children,
}: ChangeFormProps) {
  const form = useRef<HTMLFormElement>(null);
  const titleId = useId();
  useFocusOnFault(form, problem ?? isWrong);
  const isAtField = problem !== undefined && Object.keys(problem.fields).length > 0;
  return (
    <section className={style.section} aria-labelledby={titleId}>
      <div>
        <h2 id={titleId}>{title}</h2>
        <p className={style.lead}>{lead}</p>
      </div>
      <form
        ref={form}
        className={style.form}
        onSubmit={(event) => {
          event.preventDefault();
          const { currentTarget } = event;
          const fields = new FormData(currentTarget);
          onSubmit(
            (field) => String(fields.get(field) ?? ''),
            () => currentTarget.reset(),
          );
        }}
      >
        {children}
        <ErrorNote problem={isAtField ? undefined : problem} />
        <div>
          <Button look={look} type="submit" busy={isBusy}>
            {submit}
          </Button>
        </div>
      </form>
    </section>
  );
}

/** Made once for each error, so that the focus goes to its field once. */
export const problemIf = (error: unknown): Problem | undefined => (error ? problemOf(error) : undefined);
