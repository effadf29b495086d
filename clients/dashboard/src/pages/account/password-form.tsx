import { useMutation } from '@connectrpc/connect-query';
import { useMemo, useState } from 'react';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { count } from '../../charts/numbers.ts';
import { TextField } from '../../components/controls/field.tsx';
import { NewPasswordField } from '../../components/controls/new-password-field.tsx';
import { useToast } from '../../components/feedback/toasts.tsx';
import { usePerson } from '../../session/session-context.ts';
import { useSessionList } from '../sessions/use-sessions.ts';
import { ChangeForm, problemIf } from './change-form.tsx';

/** A typing error in the new password would lock its person out, so it is asked for twice. */
export function PasswordForm() {
  const { user } = usePerson();
  const tell = useToast();
  const { reload } = useSessionList();
  const [isUnlike, setUnlike] = useState(false);
  const change = useMutation(IdentityService.method.changePassword, {
    onSuccess: ({ revokedCount }) => tell({ text: `Your password is changed. ${signedOut(revokedCount)}` }),
    onSettled: reload,
  });
  const problem = useMemo(() => problemIf(change.error), [change.error]);
  return (
    <ChangeForm
      title="Password"
      lead="You stay signed in here and are signed out everywhere else within five seconds. API keys still work."
      submit="Change the password"
      isBusy={change.isPending}
      problem={problem}
      isWrong={isUnlike}
      onSubmit={(text, reset) => {
        const isSame = text('new-password') === text('again');
        setUnlike(!isSame);
        change.reset();
        if (!isSame) return;
        const request = { currentPassword: text('password'), newPassword: text('new-password') };
        change.mutate(request, { onSuccess: reset });
      }}
    >
      {/* For password managers, which keep a password by the name that goes with it. */}
      <input type="email" name="username" autoComplete="username" value={user.email} readOnly hidden />
      <TextField
        label="Current password"
        name="password"
        type="password"
        autoComplete="current-password"
        maxLength={1024}
        error={problem?.fields.current_password}
      />
      <NewPasswordField label="New password" name="new-password" error={problem?.fields.new_password} />
      <TextField
        label="New password, again"
        name="again"
        type="password"
        autoComplete="new-password"
        maxLength={256}
        error={isUnlike ? 'This is not the same as above.' : undefined}
      />
    </ChangeForm>
  );
}

function signedOut(others: number): string {
  if (others === 0) return 'You were not signed in anywhere else.';
  return `${count(others)} other ${others === 1 ? 'session is' : 'sessions are'} signed out.`;
}
