import { useState } from 'react';
import { problemOf } from '../../api/problem.ts';
import { Button } from '../../components/controls/button.tsx';
import { Dialog } from '../../components/dialogs/dialog.tsx';
import { ErrorNote } from '../../components/feedback/states.tsx';
import { useSessionParts } from '../../session/session-context.ts';
import { LogInForm } from './log-in-form.tsx';
import style from './sign-in.module.css';

/** Over the page that somebody was on when the session ended: it stays as it is, with what was typed. */
export function SignInAgain({ email }: { email: string }) {
  const { session } = useSessionParts();
  const [error, setError] = useState<unknown>();
  return (
    <Dialog title="Your session has ended">
      <p>Log in again to continue. What you typed is still here; what you were saving has not been saved yet.</p>
      <LogInForm email={email} />
      <div className={style.other}>
        <p>Not you? Then what was typed here is discarded.</p>
        <Button small onClick={() => session.close().catch(setError)}>
          Use another account
        </Button>
        <ErrorNote problem={error ? problemOf(error) : undefined} />
      </div>
    </Dialog>
  );
}
