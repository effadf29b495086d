import { useQuery } from '@connectrpc/connect-query';
import { useMemo } from 'react';
import { useLocation } from 'wouter';
import type { Workspace } from '#gen/identity/v1/user_pb.ts';
import { WorkspaceService } from '#gen/identity/v1/workspace_service_pb.ts';
import { problemOf } from '../api/problem.ts';
import { useToast } from '../components/feedback/toasts.tsx';
import type { Command } from '../keyboard/command-registry.ts';
import { useCommands } from '../keyboard/commands.tsx';
import { homePath } from '../routes.ts';
import { usePerson, useSessionParts } from '../session/session-context.ts';
import style from './workspace-switcher.module.css';

/** Chooses another workspace of the person; nothing where there is only one. */
export function WorkspaceSwitcher() {
  const { workspace: current } = usePerson();
  const { session } = useSessionParts();
  const { data } = useQuery(WorkspaceService.method.listWorkspaces, {});
  const [, go] = useLocation();
  const tell = useToast();
  const { workspaces, commands, move } = useMemo(() => {
    const all = data?.workspaces ?? [];
    const begin = async (id: string): Promise<void> => {
      try {
        await session.move(id);
        // What the page was about is of the workspace before.
        go(homePath);
      } catch (error) {
        const { title, advice } = problemOf(error);
        tell({ text: `${title}. ${advice}` });
      }
    };
    const others = all.filter(({ id }) => id !== current.id);
    return {
      workspaces: others.length > 0 ? all : [],
      commands: others.map(
        (other): Command => ({
          label: `Go to workspace ${labelOf(other, all)}`,
          run: () => void begin(other.id),
          icon: 'people',
          group: 'Workspaces',
        }),
      ),
      move: begin,
    };
  }, [data, current.id, session, go, tell]);
  useCommands(commands);
  if (workspaces.length === 0) return null;
  return (
    <label className={style.switcher}>
      <span className="only-read">Workspace</span>
      <select value={current.id} onChange={({ target }) => void move(target.value)}>
        {workspaces.map((one) => (
          <option key={one.id} value={one.id}>
            {labelOf(one, workspaces)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** With the role where two have the same name, as they begin with one. */
function labelOf({ id, name, role }: Workspace, all: readonly Workspace[]): string {
  return all.some((other) => other.name === name && other.id !== id) ? `${name} (${role})` : name;
}
