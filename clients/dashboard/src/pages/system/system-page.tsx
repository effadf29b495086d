import { useQuery } from '@connectrpc/connect-query';
import { type ReactNode, useCallback, useMemo, useState } from 'react';
import { type MeshStatus, StatusService } from '#gen/status/v1/status_service_pb.ts';
import { classes } from '../../components/classes.ts';
import { Button } from '../../components/controls/button.tsx';
import { Answer } from '../../components/feedback/answer.tsx';
import { Icon } from '../../components/icon.tsx';
import { Page } from '../../components/page.tsx';
import { useCommands } from '../../keyboard/commands.tsx';
import { Backlogs } from './backlogs.tsx';
import { Edges } from './edges.tsx';
import { timeOfDay } from './measures.ts';
import { isRefusal, NoAccess } from './no-access.tsx';
import { millisecondsOf } from './pace-history.ts';
import { Processes } from './processes.tsx';
import style from './system.module.css';
import { TierShares } from './tier-shares.tsx';

const everyMs = 2_000;

/** What the mesh is doing, renewed every two seconds while somebody looks. */
export default function SystemPage() {
  const [isPaused, setPaused] = useState(false);
  const status = useQuery(
    StatusService.method.getMeshStatus,
    {},
    {
      staleTime: 0,
      // A page that is hidden asks nothing; the library sees to that.
      refetchInterval: ({ state }) => (isPaused || isRefusal(state.error) ? false : everyMs),
    },
  );
  const toggle = useCallback(() => setPaused((before) => !before), []);
  const label = isPaused ? 'Resume' : 'Pause';
  const icon = isPaused ? 'play' : 'pause';
  useCommands(
    useMemo(
      () => [{ label: `${label} renewing`, run: toggle, keys: 'p', icon, group: 'System' }],
      [label, toggle, icon],
    ),
  );
  const isRefused = isRefusal(status.error) && status.data === undefined;
  return (
    <Page
      title="System"
      lead="The state of the mesh."
      actions={
        !isRefused && (
          <Button icon={icon} onClick={toggle}>
            {label}
          </Button>
        )
      }
    >
      {isRefused ? (
        <NoAccess error={status.error} />
      ) : (
        <Answer query={status}>{(data) => <Mesh status={data} isPaused={isPaused} />}</Answer>
      )}
    </Page>
  );
}

interface MeshProps {
  readonly status: MeshStatus;
  readonly isPaused: boolean;
}

function Mesh({ status, isPaused }: MeshProps) {
  const at = millisecondsOf(status.at);
  return (
    <div className={style.page}>
      <State status={status} />
      <p className={style.quiet}>{isPaused ? `As of ${timeOfDay(at)}. Paused.` : 'Renewed every two seconds.'}</p>
      <Section title="Who answers">
        <div className={style.card}>
          <TierShares status={status} />
        </div>
      </Section>
      <Section title="Edges">
        <Edges processes={status.processes} />
      </Section>
      <Section title="On their way">
        <Backlogs processes={status.processes} />
      </Section>
      <Section title="Processes">
        <Processes processes={status.processes} at={at} />
        {status.unlistedProcesses > 0 && <p className={style.quiet}>And {status.unlistedProcesses} more.</p>}
      </Section>
    </div>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={style.section}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

const words: Readonly<Record<string, string>> = {
  ready: 'All is well.',
  degraded: 'Short links work, but something is wrong.',
  unavailable: 'Short links do not work: no resolver answers.',
};

/** Read out when it changes. */
function State({ status: { state, degraded } }: { status: MeshStatus }) {
  return (
    <div className={classes(style.state, style[state])} role="status">
      <Icon name={state === 'ready' ? 'check' : 'warning'} />
      <div>
        <strong>{words[state] ?? state}</strong>
        {degraded.length > 0 && (
          <ul className={style.troubles}>
            {degraded.map((name) => (
              <li key={name}>{troubleOf(name)}</li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

/** "resolver-1/redis": what a process needs; "resolver-1": the process. */
function troubleOf(name: string): string {
  const [process, part] = name.split('/');
  return part === undefined ? `${process} does not answer` : `${process} has trouble with ${part}`;
}
