import { problemOf } from '../../api/problem.ts';
import { EmptyState } from '../../components/feedback/states.tsx';
import { usePerson } from '../../session/session-context.ts';

const reasons = ['SCOPE_MISSING', 'ROLE_MISSING', 'OPERATOR_ONLY'];

/** Whether asking again is of no use, because somebody has to be let in first. */
export const isRefusal = (error: unknown): boolean => error !== null && reasons.includes(problemOf(error).reason);

/** Why this page is not shown to a person, and who can change that. */
export function NoAccess({ error }: { error: unknown }) {
  const { workspace } = usePerson();
  if (problemOf(error).reason === 'OPERATOR_ONLY') {
    return (
      <EmptyState
        title="Only for operators of this installation"
        advice={
          <>
            This page reveals something about everybody’s links, so only the workspaces that operate the installation
            can see it. Whoever runs it can add yours, <code>{workspace.id}</code>, in the setting{' '}
            <code>HOP_OPERATOR_WORKSPACES</code>.
          </>
        }
      />
    );
  }
  return (
    <EmptyState
      title="For administrators"
      advice={
        <>
          You need <code>workspace:admin</code>, which the owners and administrators of {workspace.name} have. One of
          them can give you that role.
        </>
      }
    />
  );
}
