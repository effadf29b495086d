import { useMutation } from '@connectrpc/connect-query';
import { useMemo, useState } from 'react';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import type { OpenSession } from '#gen/identity/v1/open_session_pb.ts';
import { count } from '../../charts/numbers.ts';
import { Button } from '../../components/controls/button.tsx';
import { ConfirmDialog } from '../../components/dialogs/confirm-dialog.tsx';
import { useOpen } from '../../components/dialogs/dialog.tsx';
import { Answer } from '../../components/feedback/answer.tsx';
import { ErrorState } from '../../components/feedback/states.tsx';
import { useToast } from '../../components/feedback/toasts.tsx';
import { Moment } from '../../components/moment.tsx';
import { Page } from '../../components/page.tsx';
import { type Column, Table } from '../../components/table.tsx';
import style from './sessions.module.css';
import { useSessions } from './use-sessions.ts';

/** Where the person is signed in; each place can be signed out from here, or all others at once. */
export default function SessionsPage() {
  const { query, sessions, reload } = useSessions();
  const { open: ending, setOpen: setEnding, close } = useOpen<OpenSession>();
  const [isEndingOthers, setEndingOthers] = useState(false);
  const columns = useMemo(() => columnsOf(setEnding), [setEnding]);
  const hasOthers = sessions.some(({ isCurrent }) => !isCurrent);
  return (
    <Page
      title="Sessions"
      lead="Where you are signed in. End sessions that you do not recognise or no longer use."
      actions={
        hasOthers && (
          <Button look="danger" icon="leave" onClick={() => setEndingOthers(true)}>
            End all others
          </Button>
        )
      }
    >
      <Answer query={query}>
        {() => (
          <Table
            caption="Your sessions, the latest used first"
            rows={sessions}
            keyOf={({ id }) => id}
            columns={columns}
          />
        )}
      </Answer>
      {query.isFetchNextPageError && <ErrorState error={query.error} retry={() => void query.fetchNextPage()} />}
      {query.hasNextPage && !query.isFetchNextPageError && (
        <div className={style.more}>
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
      {ending && <EndDialog key={ending.id} session={ending} onDone={reload} onClose={close} />}
      {isEndingOthers && <EndOthersDialog onDone={reload} onClose={() => setEndingOthers(false)} />}
    </Page>
  );
}

const nameOf = ({ client }: OpenSession): string => client || 'An unknown program';

const columnsOf = (end: (session: OpenSession) => void): Column<OpenSession>[] => [
  {
    header: 'Where',
    isPlain: true,
    cell: (session) => (
      <span>
        <strong>{nameOf(session)}</strong> {session.isCurrent && <span className={style.here}>this one</span>}
      </span>
    ),
  },
  { header: 'Last used', cell: ({ renewedAt }) => <Moment at={renewedAt} absent="never" /> },
  { header: 'Signed in', cell: ({ createdAt }) => <Moment at={createdAt} absent="–" /> },
  { header: 'Ends unless used', cell: ({ expiresAt }) => <Moment at={expiresAt} absent="never" /> },
  {
    header: 'End',
    isAction: true,
    cell: (session) =>
      session.isCurrent ? (
        <span className={style.quiet}>Log out to end it</span>
      ) : (
        <Button look="danger" small icon="leave" aria-label={`End ${nameOf(session)}`} onClick={() => end(session)}>
          End
        </Button>
      ),
  },
];

interface EndProps {
  readonly onDone: () => void;
  readonly onClose: () => void;
}

function EndDialog({ session, onDone, onClose }: EndProps & { readonly session: OpenSession }) {
  const tell = useToast();
  const end = useMutation(IdentityService.method.revokeSession, {
    onSuccess: () => {
      tell({ text: `${nameOf(session)} is signed out.` });
      onClose();
    },
    // Where it failed the list may be old: the session may have ended by itself.
    onSettled: onDone,
  });
  return (
    <ConfirmDialog
      title={`End ${nameOf(session)}?`}
      confirm="End it"
      isBusy={end.isPending}
      error={end.error}
      onConfirm={() => end.mutate({ id: session.id })}
      onClose={onClose}
    >
      Whoever uses it is signed out within five seconds and needs the password to sign in again. API keys that were
      created there still work; they are on the API keys page.
    </ConfirmDialog>
  );
}

function EndOthersDialog({ onDone, onClose }: EndProps) {
  const tell = useToast();
  const end = useMutation(IdentityService.method.revokeOtherSessions, {
    onSuccess: ({ revokedCount }) => {
      tell({ text: `${count(revokedCount)} ${revokedCount === 1 ? 'session is' : 'sessions are'} signed out.` });
      onClose();
    },
    onSettled: onDone,
  });
  return (
    <ConfirmDialog
      title="End all other sessions?"
      confirm="End them"
      keep="Keep them"
      isBusy={end.isPending}
      error={end.error}
      onConfirm={() => end.mutate({})}
      onClose={onClose}
    >
      You stay signed in here and are signed out everywhere else within five seconds. API keys still work; they are on
      the API keys page.
    </ConfirmDialog>
  );
}
