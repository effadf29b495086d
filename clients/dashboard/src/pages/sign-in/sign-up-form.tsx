import { Button } from '../../components/controls/button.tsx';
import { TextField } from '../../components/controls/field.tsx';
import { NewPasswordField } from '../../components/controls/new-password-field.tsx';
import { ErrorNote } from '../../components/feedback/states.tsx';
import { keptInCookie } from '../../session/session-calls.ts';
import style from './sign-in.module.css';
import { useSignIn } from './use-sign-in.ts';

export function SignUpForm() {
  const { form, problem, isBusy, run } = useSignIn();
  const submit = (fields: FormData): void => {
    const text = (field: string): string => String(fields.get(field) ?? '');
    const name = text('name').trim();
    const request = { email: text('email'), password: text('password'), ...(name && { name }), ...keptInCookie };
    void run((identity) => identity.signUp(request));
  };
  return (
    <form
      ref={form}
      className={style.form}
      onSubmit={(event) => {
        event.preventDefault();
        submit(new FormData(event.currentTarget));
      }}
    >
      <TextField label="Your name" name="name" optional autoComplete="name" maxLength={128} autoFocus />
      <TextField
        label="Email"
        name="email"
        type="email"
        autoComplete="username"
        maxLength={254}
        error={problem?.fields.email}
      />
      <NewPasswordField label="Password" name="password" error={problem?.fields.password} />
      <ErrorNote problem={problem} />
      <Button look="primary" type="submit" busy={isBusy}>
        Create the account
      </Button>
    </form>
  );
}
