import { type Client, createClient } from '@connectrpc/connect';
import { type RefObject, useMemo, useRef, useState } from 'react';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import type { Session } from '#gen/identity/v1/user_pb.ts';
import { type Problem, problemOf } from '../../api/problem.ts';
import { useFocusOnFault } from '../../components/controls/use-focus-on-fault.ts';
import { useSessionParts } from '../../session/session-context.ts';

interface SignIn {
  /** Of the form, whose first field that is wrong has the focus after a refusal. */
  readonly form: RefObject<HTMLFormElement | null>;
  readonly problem: Problem | undefined;
  readonly isBusy: boolean;
  /** Makes the call that answers a session, and takes it over. */
  run(call: (identity: Client<typeof IdentityService>) => Promise<Session>): Promise<void>;
}

export function useSignIn(): SignIn {
  const { session, anonymous } = useSessionParts();
  const identity = useMemo(() => createClient(IdentityService, anonymous), [anonymous]);
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useFocusOnFault(form, problem);
  return {
    form,
    problem,
    isBusy,
    async run(call) {
      setBusy(true);
      setProblem(undefined);
      try {
        session.open(await call(identity));
      } catch (error) {
        setProblem(problemOf(error));
      } finally {
        setBusy(false);
      }
    },
  };
}
