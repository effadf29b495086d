import { TextField } from './field.tsx';

interface NewPasswordFieldProps {
  readonly label: string;
  readonly name: string;
  readonly error: string | undefined;
}

/** A field for a new password, with the rules of the service. */
export function NewPasswordField(props: NewPasswordFieldProps) {
  return (
    <TextField
      type="password"
      autoComplete="new-password"
      minLength={10}
      maxLength={256}
      hint="At least 10 characters. A few unrelated words are easy to keep and hard to guess."
      {...props}
    />
  );
}
