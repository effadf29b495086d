import { type ComponentProps, type ReactNode, useId } from 'react';
import style from './field.module.css';

interface FieldProps {
  readonly label: string;
  /** Shown below, until an error stands there. */
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  /** Says "optional" beside the label; every other field is required. */
  readonly optional?: boolean;
}

interface ControlProps {
  readonly id: string;
  readonly className: string | undefined;
  readonly 'aria-describedby': string | undefined;
  readonly 'aria-invalid': true | undefined;
}

/** A label, a control and its messages, associated for screen readers. */
export function Field({
  label,
  hint,
  error,
  optional,
  children,
}: FieldProps & { children(props: ControlProps): ReactNode }) {
  const id = useId();
  const noteId = `${id}-note`;
  return (
    <div className={style.field}>
      <label htmlFor={id} className={style.label}>
        {label} {optional && <span className={style.optional}>(optional)</span>}
      </label>
      {children({
        id,
        className: style.control,
        'aria-describedby': hint || error ? noteId : undefined,
        'aria-invalid': error ? true : undefined,
      })}
      {(error || hint) && (
        <div id={noteId} className={error ? style.error : style.hint} aria-live="polite">
          {error ?? hint}
        </div>
      )}
    </div>
  );
}

export function TextField({ label, hint, error, optional = false, ...input }: FieldProps & ComponentProps<'input'>) {
  return (
    <Field label={label} hint={hint} error={error} optional={optional}>
      {(props) => <input {...props} dir="auto" required={!optional} {...input} />}
    </Field>
  );
}

export function SelectField({
  label,
  hint,
  error,
  optional = false,
  ...select
}: FieldProps & ComponentProps<'select'>) {
  return (
    <Field label={label} hint={hint} error={error} optional={optional}>
      {(props) => <select {...props} {...select} />}
    </Field>
  );
}
