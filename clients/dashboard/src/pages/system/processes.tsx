import type { BreakerStatus, ProcessStatus } from '#gen/status/v1/process_status_pb.ts';
import type { MeshProcess } from '#gen/status/v1/status_service_pb.ts';
import { classes } from '../../components/classes.ts';
import { Icon } from '../../components/icon.tsx';
import { Chip, Chips } from './chip.tsx';
import { bytes, count, lasting } from './measures.ts';
import { millisecondsOf } from './pace-history.ts';
import style from './system.module.css';

/** A card for each process, with its breakers and what it needs. */
export function Processes({ processes, at }: { processes: readonly MeshProcess[]; at: number }) {
  return (
    <ul className={style.cards}>
      {processes.map((process) => (
        <li key={process.name} className={classes(style.card, !process.status && style.silent)}>
          <h3>{process.name}</h3>
          {process.status ? (
            <Facts status={process.status} at={at} />
          ) : (
            <p className={style.trouble}>
              <Icon name="warning" size={18} /> Does not answer.
            </p>
          )}
        </li>
      ))}
    </ul>
  );
}

function Facts({ status, at }: { status: ProcessStatus; at: number }) {
  const upSeconds = Math.max(0, (at - millisecondsOf(status.startedAt)) / 1_000);
  return (
    <>
      <p className={style.quiet}>
        {status.version}, up {lasting(upSeconds)}, {bytes(status.memoryBytes)},{' '}
        {status.callsInFlight === 1 ? 'one call' : `${count(status.callsInFlight)} calls`} under way
      </p>
      {status.breakers.length > 0 && (
        <div className={style.labelled}>
          <span>Breakers</span>
          <Chips label={`Breakers of ${status.instance}`}>
            {status.breakers.map((breaker) => (
              <Breaker key={breaker.name} breaker={breaker} />
            ))}
          </Chips>
        </div>
      )}
      {status.dependencies.length > 0 && (
        <div className={style.labelled}>
          <span>Needs</span>
          <Chips label={`What ${status.instance} needs`}>
            {status.dependencies.map(({ name, up }) => (
              <Chip key={name} name={name} mood={up ? 'good' : 'bad'} word={up ? 'up' : 'down'} />
            ))}
          </Chips>
        </div>
      )}
    </>
  );
}

const moods = { closed: 'good', half_open: 'trying', open: 'bad' } as const;
const words = { closed: 'closed', half_open: 'trying again', open: 'open' } as const;

function Breaker({ breaker: { name, state, opened } }: { breaker: BreakerStatus }) {
  const known = state === 'open' || state === 'half_open' ? state : 'closed';
  const often = opened === 1 ? 'once' : `${count(opened)} times`;
  const title = opened === 0 ? 'has never opened since the start' : `opened ${often} since the start`;
  return <Chip name={name} mood={moods[known]} word={words[known]} title={title} />;
}
