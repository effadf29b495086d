import { Dialog } from '../../components/dialog.tsx';
import { LogInForm } from './log-in-form.tsx';

/** Over the page that somebody was on when the session ended: it stays as it is, with what was typed. */
export function SignInAgain({ email }: { email: string }) {
  return (
    <Dialog title="Your session has ended">
      <p>Log in again to go on. What you typed is still here; what you were saving was not saved yet.</p>
      <LogInForm email={email} />
    </Dialog>
  );
}
