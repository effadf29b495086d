import type { ProcessStatus } from '#gen/status/v1/process_status_pb.ts';
import type { MeshProcess } from '#gen/status/v1/status_service_pb.ts';
import { bytes, count, lasting } from './measures.ts';
import { Meter } from './meter.tsx';
import style from './system.module.css';

/** No edge serves what is older than this, whatever dies (docs/decisions/0015-hot-set.md). */
const oldestSeconds = 2;
/** A click is counted within this (p99); what waits longer waits for something that is away. */
const clickSeconds = 2;
/** Against which what waits on an edge is drawn: a minute of clicks of a busy one. */
const spoolBytes = 64_000_000;
const lagMessages = 1_000;

type Status = readonly ProcessStatus[];

/** How old what each process knows of the links is, and which clicks have not arrived yet. */
export function Backlogs({ processes }: { processes: readonly MeshProcess[] }) {
  const answering = processes.flatMap(({ status }) => (status ? [status] : []));
  return (
    <div className={style.halves}>
      <section className={style.card}>
        <h3>Changes of links</h3>
        <p className={style.quiet}>
          How old the latest news of changes is. After two seconds an edge stops answering hot links itself.
        </p>
        <Watchers status={answering} />
      </section>
      <section className={style.card}>
        <h3>Clicks</h3>
        <p className={style.quiet}>Clicks waiting on the edges and in Kafka.</p>
        <Clicks status={answering} />
      </section>
    </div>
  );
}

function Watchers({ status }: { status: Status }) {
  return status
    .filter(({ watch }) => watch)
    .map(({ instance, watch }) => {
      const age = watch?.ageSeconds;
      return (
        <Meter
          key={instance}
          label={instance}
          value={age ?? oldestSeconds}
          most={oldestSeconds}
          text={age === undefined ? 'not known yet' : lasting(age)}
          isBad={age === undefined || age >= oldestSeconds}
        />
      );
    });
}

function Clicks({ status }: { status: Status }) {
  return status.map(({ instance, spool, kafkaConsumer }) => (
    <div key={instance} className={style.pair}>
      {spool && (
        <Meter
          label={`${instance}, spool`}
          value={spool.bytes}
          most={spoolBytes}
          text={`${bytes(spool.bytes)}, the oldest ${lasting(spool.ageSeconds)}`}
          isBad={spool.ageSeconds > clickSeconds}
        />
      )}
      {kafkaConsumer && (
        <Meter
          label={`${instance}, Kafka`}
          value={kafkaConsumer.lagMessages}
          most={lagMessages}
          text={lagText(kafkaConsumer)}
          isBad={kafkaConsumer.lagMessages > lagMessages || kafkaConsumer.stalledSeconds > clickSeconds}
        />
      )}
    </div>
  ));
}

/** While the store does not take what was read nothing more is fetched: what is behind is known as it was then. */
function lagText({
  lagMessages: behind,
  lagSeconds,
  stalledSeconds,
}: NonNullable<ProcessStatus['kafkaConsumer']>): string {
  if (stalledSeconds > clickSeconds)
    return `${count(behind)} or more behind, none stored for ${lasting(stalledSeconds)}, the oldest ${lasting(lagSeconds)}`;
  return `${count(behind)} behind, stored after ${lasting(lagSeconds)}`;
}
