import { useMutation, useQuery } from '@connectrpc/connect-query';
import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import type { LookUpInvitationResponse } from '#gen/identity/v1/workspace_service_pb.ts';
import { WorkspaceService } from '#gen/identity/v1/workspace_service_pb.ts';
import { problemOf } from '../../api/problem.ts';
import { Button } from '../../components/controls/button.tsx';
import { Answer } from '../../components/feedback/answer.tsx';
import { EmptyState, ErrorNote } from '../../components/feedback/states.tsx';
import { Page } from '../../components/page.tsx';
import { useSessionParts } from '../../session/session-context.ts';
import { whatCan } from '../members/roles.ts';
import style from './join.module.css';
import { forgetInvitation, keepInvitation, keptInvitation } from './kept-invitation.ts';

/** Where the URL of an invitation leads: says what it is for, and accepts it. */
export default function JoinPage() {
  const [secret, setSecret] = useState(keptInvitation);
  useEffect(() => {
    // Another invitation, opened in the same tab.
    const look = (): void => {
      keepInvitation();
      setSecret(keptInvitation());
    };
    addEventListener('hashchange', look);
    return () => removeEventListener('hashchange', look);
  }, []);
  return (
    <Page title="Join a workspace">
      {secret === undefined ? (
        <EmptyState
          title="There is no invitation here"
          advice="Open the whole link that you were given, or ask for a new one."
        />
      ) : (
        <Invitation key={secret} secret={secret} />
      )}
    </Page>
  );
}

function Invitation({ secret }: { readonly secret: string }) {
  const invitation = useQuery(WorkspaceService.method.lookUpInvitation, { secret });
  return <Answer query={invitation}>{(found) => <Question secret={secret} found={found} />}</Answer>;
}

interface QuestionProps {
  readonly secret: string;
  readonly found: LookUpInvitationResponse;
}

function Question({ secret, found: { workspace, invitedBy, isMember } }: QuestionProps) {
  const { session } = useSessionParts();
  const [, go] = useLocation();
  const leave = (): void => {
    forgetInvitation();
    go('/');
  };
  const accept = useMutation(WorkspaceService.method.acceptInvitation);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const join = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const id = isMember ? (workspace?.id ?? '') : (await accept.mutateAsync({ secret })).id;
      await session.move(id);
      leave();
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  return (
    <section className={style.card} aria-live="polite">
      <h2 dir="auto">{workspace?.name}</h2>
      {isMember ? (
        <p>You belong to this workspace already, as {workspace?.role}.</p>
      ) : (
        <p>
          <strong dir="auto">{invitedBy}</strong> invites you to join as {workspace?.role}: you can{' '}
          {whatCan(workspace?.role ?? '')}. Your own workspace stays as it is.
        </p>
      )}
      <ErrorNote problem={error ? problemOf(error) : undefined} />
      <div className={style.actions}>
        <Button look="primary" busy={isBusy} onClick={() => void join()}>
          {isMember ? 'Go there' : 'Join'}
        </Button>
        <Button aria-disabled={isBusy || undefined} onClick={isBusy ? undefined : leave}>
          Not now
        </Button>
      </div>
    </section>
  );
}
