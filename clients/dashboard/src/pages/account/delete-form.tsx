import { useMutation } from '@connectrpc/connect-query';
import { useMemo, useState } from 'react';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { TextField } from '../../components/controls/field.tsx';
import { ConfirmDialog } from '../../components/dialogs/confirm-dialog.tsx';
import { useToast } from '../../components/feedback/toasts.tsx';
import { keptInCookie } from '../../session/session-calls.ts';
import { usePerson, useSessionParts } from '../../session/session-context.ts';
import { ChangeForm, problemIf } from './change-form.tsx';

/** Asked twice: a browser that fills in the password must not leave one careless press between a person and this. */
export function DeleteForm() {
  const { user } = usePerson();
  const { session } = useSessionParts();
  const tell = useToast();
  const [password, setPassword] = useState<string>();
  const remove = useMutation(IdentityService.method.deleteCurrentUser, {
    onSuccess: () => {
      tell({ text: 'Your account is deleted.' });
      session.forget();
    },
    onError: () => setPassword(undefined),
  });
  const problem = useMemo(() => problemIf(remove.error), [remove.error]);
  return (
    <>
      <ChangeForm
        title="Delete account"
        lead="Permanently deletes your name, email and password, and all sessions and API keys. Your links stop working at once; their clicks are erased at once, the links themselves 30 days later. A workspace with other members stays, with its links. Your email can be used for a new account."
        submit="Delete the account"
        look="danger"
        isBusy={remove.isPending}
        problem={problem}
        onSubmit={(text) => {
          remove.reset();
          setPassword(text('delete-password'));
        }}
      >
        <TextField
          label="Password, to delete the account"
          name="delete-password"
          type="password"
          autoComplete="current-password"
          maxLength={1024}
          error={problem?.fields.current_password}
        />
      </ChangeForm>
      {password !== undefined && (
        <ConfirmDialog
          title={`Delete ${user.email}?`}
          confirm="Delete it permanently"
          isBusy={remove.isPending}
          error={undefined}
          onConfirm={() => remove.mutate({ currentPassword: password, ...keptInCookie })}
          onClose={remove.isPending ? undefined : () => setPassword(undefined)}
        >
          Everybody who follows one of your links sees that it is gone, and programs that use your API keys stop
          working. This cannot be undone.
        </ConfirmDialog>
      )}
    </>
  );
}
