import { useMutation } from '@connectrpc/connect-query';
import { useMemo } from 'react';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { TextField } from '../../components/controls/field.tsx';
import { useToast } from '../../components/feedback/toasts.tsx';
import { Page } from '../../components/page.tsx';
import { usePerson, useSessionParts } from '../../session/session-context.ts';
import style from './account.module.css';
import { ChangeForm, problemIf } from './change-form.tsx';
import { DeleteForm } from './delete-form.tsx';
import { PasswordForm } from './password-form.tsx';

/** What a person can change of the own account. */
export default function AccountPage() {
  return (
    <Page title="Account" lead="What you are called, and how you sign in.">
      <div className={style.sections}>
        <NameForm />
        <EmailForm />
        <PasswordForm />
        <DeleteForm />
      </div>
    </Page>
  );
}

/** A change of what is shown of the person everywhere. */
function useUpdate(done: string) {
  const { session } = useSessionParts();
  const tell = useToast();
  const update = useMutation(IdentityService.method.updateCurrentUser, {
    onSuccess: () => {
      tell({ text: done });
      // Whoever shows the person, here and in other tabs, has it from the session. Where that cannot be renewed just now it is later.
      session.renew().catch(() => {});
    },
  });
  return { update, problem: useMemo(() => problemIf(update.error), [update.error]) };
}

function NameForm() {
  const { user } = usePerson();
  const { update, problem } = useUpdate('Your name is saved.');
  return (
    <ChangeForm
      title="Name"
      lead="How you are called here. Optional."
      submit="Save the name"
      isBusy={update.isPending}
      problem={problem}
      onSubmit={(text) => update.mutate({ name: text('name') })}
    >
      <TextField
        label="Your name"
        name="name"
        optional
        autoComplete="name"
        maxLength={128}
        defaultValue={user.name}
        error={problem?.fields.name}
      />
    </ChangeForm>
  );
}

function EmailForm() {
  const { user } = usePerson();
  const { update, problem } = useUpdate('Your email was changed. Use the new one to sign in from now on.');
  return (
    <ChangeForm
      title="Email"
      lead={
        <>
          You sign in with <strong>{user.email}</strong>. A new address is used at once and is not confirmed by mail:
          check it for typing errors.
        </>
      }
      submit="Change the email"
      isBusy={update.isPending}
      problem={problem}
      onSubmit={(text, reset) =>
        update.mutate({ email: text('email'), currentPassword: text('password') }, { onSuccess: reset })
      }
    >
      <TextField
        label="New email"
        name="email"
        type="email"
        autoComplete="email"
        maxLength={254}
        error={problem?.fields.email}
      />
      <TextField
        label="Your password"
        name="password"
        type="password"
        autoComplete="current-password"
        maxLength={1024}
        error={problem?.fields.current_password}
      />
    </ChangeForm>
  );
}
