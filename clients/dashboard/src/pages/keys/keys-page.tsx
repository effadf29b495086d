import { createConnectQueryKey, useMutation, useQuery } from '@connectrpc/connect-query';
import { useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import type { ApiKey } from '#gen/identity/v1/api_key_pb.ts';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { Button } from '../../components/controls/button.tsx';
import { ConfirmDialog } from '../../components/dialogs/confirm-dialog.tsx';
import { useOpen } from '../../components/dialogs/dialog.tsx';
import { Answer } from '../../components/feedback/answer.tsx';
import { EmptyState } from '../../components/feedback/states.tsx';
import { useToast } from '../../components/feedback/toasts.tsx';
import { Moment } from '../../components/moment.tsx';
import { Page } from '../../components/page.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { useCommands } from '../../keyboard/commands.tsx';
import { CreateKeyDialog } from './create-key-dialog.tsx';
import style from './keys.module.css';

const listKey = createConnectQueryKey({ schema: IdentityService.method.listApiKeys, cardinality: 'finite' });

/** The keys that the person made in this workspace. */
export default function KeysPage() {
  const keys = useQuery(IdentityService.method.listApiKeys, {});
  const queries = useQueryClient();
  const [isMaking, setMaking] = useState(false);
  const { open: revoking, setOpen: setRevoking, close } = useOpen<ApiKey>();
  const reload = (): void => void queries.invalidateQueries({ queryKey: listKey });
  const columns = useMemo(() => columnsOf(setRevoking), [setRevoking]);
  useCommands(
    useMemo(
      () => [{ label: 'Create an API key', run: () => setMaking(true), keys: 'c', icon: 'plus', group: 'API keys' }],
      [],
    ),
  );
  const make = (
    <Button look="primary" icon="plus" onClick={() => setMaking(true)}>
      Create a key
    </Button>
  );
  const lead = (
    <>
      For programs that act for you in this workspace.{' '}
      <a href="/api/docs" target="_blank" rel="noreferrer">
        API documentation
      </a>
    </>
  );
  return (
    <Page title="API keys" lead={lead} actions={make}>
      <Answer query={keys}>
        {({ apiKeys }) =>
          apiKeys.length === 0 ? (
            <EmptyState
              title="No keys yet"
              advice="Create one for each program, with only the scopes it needs; then each can be revoked separately."
            />
          ) : (
            <Table caption="Your API keys, the newest first" rows={apiKeys} keyOf={({ id }) => id} columns={columns} />
          )
        }
      </Answer>
      {isMaking && <CreateKeyDialog onMade={reload} onClose={() => setMaking(false)} />}
      {revoking && <RevokeDialog key={revoking.id} apiKey={revoking} onDone={reload} onClose={close} />}
    </Page>
  );
}

const columnsOf = (revoke: (key: ApiKey) => void): Column<ApiKey>[] => [
  {
    header: 'Name',
    isPlain: true,
    cell: ({ name, prefix }) => (
      <span>
        <strong dir="auto">{name}</strong> <code className={style.prefix}>{prefix}…</code>
      </span>
    ),
  },
  { header: 'Scopes', cell: ({ scopes }) => <span className={style.scopes}>{scopes.join(', ')}</span> },
  { header: 'Created', cell: ({ createdAt }) => <Moment at={createdAt} absent="–" /> },
  { header: 'Last used', cell: ({ lastUsedAt }) => <Moment at={lastUsedAt} absent="never" /> },
  { header: 'Expires', cell: ({ expiresAt }) => <Moment at={expiresAt} absent="never" /> },
  {
    header: 'Revoke',
    isAction: true,
    cell: (key) => (
      <Button look="danger" small icon="trash" aria-label={`Revoke ${key.name}`} onClick={() => revoke(key)}>
        Revoke
      </Button>
    ),
  },
];

interface RevokeProps {
  readonly apiKey: ApiKey;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

/** Cannot be undone, so it is asked about. */
function RevokeDialog({ apiKey, onDone, onClose }: RevokeProps) {
  const tell = useToast();
  const revoke = useMutation(IdentityService.method.deleteApiKey, {
    onSuccess: () => {
      tell({ text: `${apiKey.name} is revoked.` });
      onClose();
    },
    // Where it failed the list may be old: somebody else may have revoked it.
    onSettled: onDone,
  });
  return (
    <ConfirmDialog
      title={`Revoke ${apiKey.name}?`}
      confirm="Revoke it"
      isBusy={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate({ id: apiKey.id })}
      onClose={onClose}
    >
      Every program that uses it is refused within five seconds. This cannot be undone.
    </ConfirmDialog>
  );
}
