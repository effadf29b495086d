import { Button } from '../../components/controls/button.tsx';
import { TextField } from '../../components/controls/field.tsx';
import { ErrorNote } from '../../components/feedback/states.tsx';
import { keptInCookie } from '../../session/session-calls.ts';
import style from './sign-in.module.css';
import { useSignIn } from './use-sign-in.ts';

/** Email and password; `email` is given, and fixed, where somebody signs in again. */
export function LogInForm({ email: fixed }: { email?: string }) {
  const { form, problem, isBusy, run } = useSignIn();
  const submit = (fields: FormData): void => {
    const [email, password] = [fixed ?? String(fields.get('email')), String(fields.get('password'))];
    void run((identity) => identity.logIn({ email, password, ...keptInCookie }));
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
      <TextField
        label="Email"
        name="email"
        type="email"
        autoComplete="username"
        maxLength={254}
        defaultValue={fixed}
        readOnly={fixed !== undefined}
        autoFocus={fixed === undefined}
        error={problem?.fields.email}
      />
      <TextField
        label="Password"
        name="password"
        type="password"
        autoComplete="current-password"
        maxLength={1024}
        error={problem?.fields.password}
      />
      <ErrorNote problem={problem} />
      <Button look="primary" type="submit" busy={isBusy}>
        Log in
      </Button>
    </form>
  );
}
