import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { useMutation } from '@connectrpc/connect-query';
import { type FormEvent, useRef, useState } from 'react';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { problemOf } from '../../api/problem.ts';
import { Button } from '../../components/controls/button.tsx';
import { CopyField } from '../../components/controls/copy-field.tsx';
import { SelectField, TextField } from '../../components/controls/field.tsx';
import { useFocusOnFault } from '../../components/controls/use-focus-on-fault.ts';
import { Dialog, DialogActions } from '../../components/dialogs/dialog.tsx';
import { ErrorNote } from '../../components/feedback/states.tsx';
import style from './keys.module.css';
import { endOf, lifetimes, scopes } from './scopes.ts';

interface CreateKeyProps {
  /** Also where it is not known whether the key was made. */
  readonly onMade: () => void;
  readonly onClose: () => void;
}

/** Asks what the key is for, creates it, and shows its secret, only this once. */
export function CreateKeyDialog({ onMade, onClose }: CreateKeyProps) {
  const make = useMutation(IdentityService.method.createApiKey, { onSettled: onMade });
  const [isTyped, setTyped] = useState(false);
  // The dialog cannot be left during the creation: the secret would arrive with nobody looking.
  const leave = make.isPending ? undefined : onClose;
  if (make.data) {
    // Stays until the person confirms that the secret is saved.
    return (
      <Dialog title={`${make.data.name} was created`} isUnsaved>
        <p>Copy the secret now and store it where only your program can read it: it is not shown again.</p>
        <CopyField label="Secret" text={make.data.secret ?? ''} />
        <DialogActions>
          <Button look="primary" onClick={onClose}>
            I have stored it
          </Button>
        </DialogActions>
      </Dialog>
    );
  }
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const end = endOf(String(form.get('lifetime')), Date.now());
    make.mutate({
      name: String(form.get('name')).trim(),
      scopes: form.getAll('scope').map(String),
      ...(end !== undefined && { expiresAt: timestampFromMs(end) }),
    });
  };
  return (
    <Dialog title="Create an API key" isUnsaved={isTyped} onClose={leave}>
      <KeyForm
        isBusy={make.isPending}
        error={make.error}
        onChange={() => setTyped(true)}
        onSubmit={submit}
        onClose={leave}
      />
    </Dialog>
  );
}

interface KeyFormProps {
  readonly isBusy: boolean;
  readonly error: unknown;
  readonly onChange: () => void;
  readonly onSubmit: (event: FormEvent<HTMLFormElement>) => void;
  readonly onClose: (() => void) | undefined;
}

function KeyForm({ isBusy, error, onChange, onSubmit, onClose }: KeyFormProps) {
  const problem = error ? problemOf(error) : undefined;
  const form = useRef<HTMLFormElement>(null);
  useFocusOnFault(form, error);
  return (
    <form ref={form} className={style.form} onChange={onChange} onSubmit={onSubmit}>
      <TextField
        label="Name"
        name="name"
        maxLength={128}
        autoFocus
        autoComplete="off"
        hint="What the key is for, so that you know later which one to revoke."
        error={problem?.fields.name}
      />
      <fieldset className={style.choices}>
        <legend>Scopes</legend>
        {scopes.map(({ name, what }) => (
          <label key={name} className={style.choice}>
            <input type="checkbox" name="scope" value={name} defaultChecked={name === 'links:read'} />
            <span>
              <code>{name}</code> <span className={style.what}>{what}</span>
            </span>
          </label>
        ))}
        {problem?.fields.scopes && <p className={style.error}>Choose at least one.</p>}
      </fieldset>
      <SelectField label="Valid for" name="lifetime" defaultValue="90">
        {lifetimes.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </SelectField>
      <ErrorNote problem={problem} />
      <DialogActions>
        <Button aria-disabled={isBusy || undefined} onClick={onClose}>
          Cancel
        </Button>
        <Button look="primary" type="submit" busy={isBusy}>
          Create the key
        </Button>
      </DialogActions>
    </form>
  );
}
