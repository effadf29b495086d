import type { HotSetStatus, LeaseStatus, ProcessStatus } from '#gen/status/v1/process_status_pb.ts';
import type { MeshProcess } from '#gen/status/v1/status_service_pb.ts';
import { Icon } from '../../components/icon.tsx';
import { bytes, count, lasting } from './measures.ts';
import { Meter } from './meter.tsx';
import style from './system.module.css';

/** Each edge with its hot set and its lease. */
export function Edges({ processes }: { processes: readonly MeshProcess[] }) {
  const edges = processes.flatMap(({ status }) => (status?.hotSet ? [status] : []));
  if (edges.length === 0) return <p className={style.quiet}>No edge with a hot set answers.</p>;
  return (
    <ul className={style.halves}>
      {edges.map((edge) => (
        <li key={edge.instance} className={style.card}>
          <h3>{edge.instance}</h3>
          <Edge edge={edge} />
        </li>
      ))}
    </ul>
  );
}

function Edge({ edge: { hotSet, lease } }: { edge: ProcessStatus }) {
  return (
    <>
      {lease && <Lease lease={lease} />}
      {hotSet && <HotSet hotSet={hotSet} />}
    </>
  );
}

function Lease({ lease: { held, ageSeconds, ttlSeconds, withdrawals } }: { lease: LeaseStatus }) {
  const often = withdrawals === 1 ? 'once' : `${count(withdrawals)} times`;
  return (
    <p className={held ? undefined : style.trouble}>
      <Icon name={held ? 'check' : 'warning'} size={18} /> <strong>{held ? 'Lease held' : 'Lease withdrawn'}</strong>{' '}
      for {lasting(ageSeconds)}
      <span className={style.quiet}>
        {held ? `, renewed for ${lasting(ttlSeconds)} at a time` : ', all links are answered by the resolvers'}
        {withdrawals > 0 && `; withdrawn ${often} since the start`}
      </span>
    </p>
  );
}

function HotSet({ hotSet }: { hotSet: HotSetStatus }) {
  const { entries, entryCapacity, bytes: size, byteCapacity } = hotSet;
  const facts = [
    ['Envoys', hotSet.envoys],
    ['Pushes', hotSet.pushes],
    ['Refused (NACK)', hotSet.rejections],
    ['Promoted', hotSet.promotions],
    ['Cooled', hotSet.demotions],
    ['Corrected', hotSet.corrections],
  ] as const;
  return (
    <>
      <Meter
        label="Hot links"
        value={entries}
        most={entryCapacity}
        text={`${count(entries)} of ${count(entryCapacity)}`}
      />
      <Meter label="Their size" value={size} most={byteCapacity} text={`${bytes(size)} of ${bytes(byteCapacity)}`} />
      <dl className={style.facts}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{count(value)}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
