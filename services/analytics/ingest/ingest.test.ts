import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { createKafka } from '#runtime/kafka/client.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startMetrics } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { kafkaIsInstalled } from '#runtime/testing/kafka.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { postgresStore } from '../store.postgres.ts';
import { readerConfig, useClickPath } from '../testing/click-path.ts';
import { encodeClicks, testClick } from '../testing/clicks.ts';
import { startIngest } from './ingest.ts';

describe.skipIf(!kafkaIsInstalled())('from Kafka to Postgres', () => {
  const on = useClickPath();

  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  /** A process of its own, which does not outlive its test. */
  function run(code: string, stdio: StdioOptions = 'ignore'): ChildProcess {
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio });
    children.push(child);
    return child;
  }

  const configOf = (topic: string) => readerConfig(on.kafka.brokers, topic);
  const message = (linkId: string, clicks: number, partition = 0) => ({
    partition,
    value: encodeClicks(Array.from({ length: clicks }, () => testClick({ linkId }))),
  });
  async function countsOf(linkId: string): Promise<number[]> {
    const { rows } = await on.pool.query<{ counts: number[] }>(
      `select array[(select count(*) from clicks where link_id = $1), (select coalesce(sum(clicks), 0) from click_totals where link_id = $1),
         (select coalesce(sum(clicks), 0) from click_minutes where link_id = $1)]::int[] as counts`,
      [linkId],
    );
    return rows[0]?.counts ?? [];
  }

  test.each([
    ['of its partition', 1],
    ['of several partitions', 3],
  ])(
    'a process that is killed between its inserts and its commit %s, again and again, counts each click once',
    async (_, partitions) => {
      const topic = `killed-${partitions}`;
      await on.kafka.createTopic(topic, partitions);
      const linkIds = Array.from({ length: partitions }, () => randomUUID());
      const send = (clicks: number) =>
        on.producer.send(
          topic,
          linkIds.map((linkId, partition) => message(linkId, clicks, partition)),
        );
      const storedOfAll = async () => (await Promise.all(linkIds.map(countsOf))).map(([clicks]) => clicks);
      // A partition's first clicks are stored alone.
      await send(1);
      const first = reader(topic);
      await waitFor(async () => (await storedOfAll()).every((clicks) => clicks === 1), { timeoutMs: 30_000 });
      await first.close();
      // Every commit takes a while, with all rows written, and shows how many offsets are in it.
      await on.pool.query(`
      create or replace function linger() returns trigger language plpgsql as
        'begin perform pg_advisory_xact_lock_shared(77, new.partition); perform pg_sleep(0.2); return null; end';
      create constraint trigger linger after insert or update on consumer_offsets deferrable initially deferred
        for each row execute function linger()`);
      const code = `import { startIngest } from './services/analytics/ingest/ingest.ts';
      import { postgresStore } from './services/analytics/store.postgres.ts';
      import { createPool } from '#runtime/postgres/pool.ts';
      import { silentLog } from '#runtime/telemetry/log.ts';
      const pool = createPool(${JSON.stringify(on.database.url)}, { name: 'child', max: 2, log: silentLog });
      startIngest(${JSON.stringify(configOf(topic))}, postgresStore(pool), silentLog);`;
      const committing = async (): Promise<boolean> => {
        const { rows } = await on.pool.query(
          `select from pg_stat_activity a join pg_locks l using (pid)
         where a.application_name = 'child' and a.query = 'commit' and a.state = 'active' and a.datname = current_database()
           and l.locktype = 'advisory' and l.classid = 77 and l.granted`,
        );
        return rows.length >= Math.min(partitions, 2);
      };
      for (let n = 0; n < 4; n++) await send(5);
      for (let kills = 0; kills < 3; kills++) {
        const child = run(code);
        await waitFor(committing, { timeoutMs: 30_000, intervalMs: 5, what: 'a commit' });
        child.kill('SIGKILL');
        await send(5);
      }
      await on.pool.query('drop trigger linger on consumer_offsets');
      run(code);
      await waitFor(async () => (await storedOfAll()).every((clicks) => clicks === 36), { timeoutMs: 30_000 });
      for (const linkId of linkIds) expect(await countsOf(linkId)).toEqual([36, 36, 36]);
    },
    120_000,
  );

  /** A process that stores, and from which partitions it did. */
  function reader(topic: string) {
    const { store } = on;
    const from = new Set<number>();
    const take: typeof store.take = async (delivery) => {
      const outcome = await store.take(delivery);
      if (outcome !== 'overtaken') from.add(delivery.partition);
      return outcome;
    };
    const takeTogether: typeof store.takeTogether = async (deliveries) => {
      const outcome = await store.takeTogether(deliveries);
      for (const { partition } of deliveries) from.add(partition);
      return outcome;
    };
    return { from, close: startIngest(configOf(topic), { ...store, take, takeTogether }, silentLog).close };
  }

  test('partitions move between processes that come and go; each click is counted once', async () => {
    await on.kafka.createTopic('shared', 4);
    const linkId = randomUUID();
    let isOver = false;
    const sending = (async () => {
      let sent = 0;
      for (; !isOver; sent++) await on.producer.send('shared', [message(linkId, 10, sent % 4)]);
      return 10 * sent;
    })();
    const within = { timeoutMs: 30_000 };
    const first = reader('shared');
    await waitFor(() => first.from.size === 4, { ...within, what: 'one that reads all' });
    const second = reader('shared');
    await waitFor(() => second.from.size === 2, { ...within, what: 'one that has its half' });
    await first.close();
    await waitFor(() => second.from.size === 4, { ...within, what: 'one that took over the rest' });
    const third = reader('shared');
    await waitFor(() => third.from.size === 2, { ...within, what: 'a third one' });
    isOver = true;
    const clicks = await sending;
    await waitFor(async () => (await countsOf(linkId))[0] === clicks, { ...within, what: 'all clicks' });
    expect(await countsOf(linkId)).toEqual([clicks, clicks, clicks]);
    await Promise.all([second.close(), third.close()]);
  }, 120_000);

  test('a process that stood still while another got its partition stores nothing that the other one has', async () => {
    await on.kafka.createTopic('zombie', 1);
    const linkId = randomUUID();
    const code = `import { startIngest } from './services/analytics/ingest/ingest.ts';
      import { postgresStore } from './services/analytics/store.postgres.ts';
      import { createPool } from '#runtime/postgres/pool.ts';
      import { silentLog } from '#runtime/telemetry/log.ts';
      const store = postgresStore(createPool(${JSON.stringify(on.database.url)}, { max: 2, log: silentLog }));
      const take = async (delivery) => {
        process.send('about to store');
        await new Promise((resolve) => process.once('message', resolve));
        const outcome = await store.take(delivery);
        process.send(outcome === 'overtaken' ? outcome : 'stored');
        return outcome;
      };
      startIngest(${JSON.stringify(configOf('zombie'))}, { ...store, take }, silentLog);`;
    const zombie = run(code, ['ignore', 'ignore', 'ignore', 'ipc']);
    const said: unknown[] = [];
    zombie.on('message', (word) => said.push(word));
    await on.producer.send('zombie', [message(linkId, 5), message(linkId, 5)]);
    await waitFor(() => said.length === 1, { timeoutMs: 30_000, what: 'clicks in its hands' });
    zombie.kill('SIGSTOP');
    const other = reader('zombie');
    try {
      await waitFor(async () => (await countsOf(linkId))[0] === 10, { timeoutMs: 30_000, what: 'the other one' });
      zombie.kill('SIGCONT');
      zombie.send('store them');
      await waitFor(() => said.length > 1, { timeoutMs: 30_000, what: 'what it came to' });
      expect(said[1]).toBe('overtaken');
      expect(await countsOf(linkId)).toEqual([10, 10, 10]);
    } finally {
      await other.close();
    }
  }, 120_000);

  test('while Postgres is away the lag goes on growing, and says since when nothing is stored', async () => {
    await on.kafka.createTopic('stalled', 6);
    const metrics = await startMetrics({ instance: 'analytics', metricsAddress: { host: '127.0.0.1', port: 0 } });
    const own = await postgresFor('analytics');
    const admin = createPool(on.database.urlAs('postgres'), {
      max: 1,
      connectTimeoutMs: 20_000,
      statementTimeoutMs: 20_000,
      log: silentLog,
    });
    const reads = createPool(own.url, { max: 2, connectTimeoutMs: 20_000, statementTimeoutMs: 20_000, log: silentLog });
    const name = new URL(own.url).pathname.slice(1);
    const ingest = startIngest(configOf('stalled'), postgresStore(reads), silentLog);
    const shown = async () => {
      const figures = await metrics.read();
      const behind = figures.all(metric.consumerLag).filter(({ attributes }) => attributes.partition === '5');
      const [seconds = 0, stalled = 0] = [metric.clickLag, metric.consumerStalled].map((of) =>
        Math.max(...figures.all(of).map(({ value }) => value)),
      );
      return { behind: Math.max(...behind.map(({ value }) => value)), seconds, stalled };
    };
    const within = { timeoutMs: 30_000 };
    try {
      await on.producer.send('stalled', [message(randomUUID(), 3, 5)]);
      await waitFor(async () => (await shown()).behind === 0, { ...within, what: 'the first clicks' });
      await admin.query(`alter database ${name} allow_connections false`);
      await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
      await on.producer.send('stalled', [message(randomUUID(), 3, 5), message(randomUUID(), 3, 5)]);
      await waitFor(async () => (await shown()).stalled > 1.5, { ...within, what: 'clicks that wait' });
      const during = await shown();
      expect(during.behind).toBeGreaterThan(0);
      expect(during.seconds).toBeGreaterThanOrEqual(during.stalled);
      await admin.query(`alter database ${name} allow_connections true`);
      await waitFor(async () => (await shown()).stalled === 0 && (await shown()).behind === 0, {
        ...within,
        what: 'all',
      });
    } finally {
      await ingest.close();
      await Promise.all([reads.end(), admin.end(), metrics.stop()]);
      await own.drop();
    }
  }, 120_000);

  /** Deletes the topic and creates it again, with one partition that has eight messages. */
  async function makeAnew(topic: string, eachMessage: () => ReturnType<typeof message>): Promise<void> {
    const admin = createKafka({ brokers: on.kafka.brokers, clientId: 'test', log: silentLog }).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await waitFor(() => on.kafka.createTopic(topic, 1).then(() => true), { timeoutMs: 20_000, intervalMs: 200 });
    await admin.disconnect();
    for (let n = 0; n < 8; n++) await on.producer.send(topic, [eachMessage()]);
  }

  test('a poisoned message holds nobody up; a topic that was made anew and is longer than before is read from its start', async () => {
    await on.kafka.createTopic('anew', 1);
    const linkId = randomUUID();
    const first = [message(linkId, 3), { partition: 0, value: Buffer.from('poison') }, message(linkId, 3)];
    const { store } = on;
    for (const item of first) await on.producer.send('anew', [item]);
    const before = startIngest(configOf('anew'), store, silentLog);
    await waitFor(async () => (await countsOf(linkId))[0] === 6, { timeoutMs: 30_000, what: 'the first clicks' });
    await before.close();
    await makeAnew('anew', () => message(linkId, 1));
    const after = startIngest(configOf('anew'), store, silentLog);
    try {
      await waitFor(async () => (await countsOf(linkId))[0] === 14, { timeoutMs: 30_000, what: 'all clicks' });
      expect(await countsOf(linkId)).toEqual([14, 14, 14]);
      expect(await store.position('anew', 0)).toBe(8n);
    } finally {
      await after.close();
    }
  }, 120_000);

  test('a topic that is made anew, and grows past the position, while Postgres does not answer is read from its start', async () => {
    await on.kafka.createTopic('meanwhile', 1);
    const linkId = randomUUID();
    const { store } = on;
    let isAway = false;
    let refusals = 0;
    const take: typeof store.take = async (delivery) => {
      if (!isAway) return store.take(delivery);
      refusals++;
      throw new Error('Connection terminated');
    };
    const ingest = startIngest(configOf('meanwhile'), { ...store, take }, silentLog);
    try {
      await on.producer.send('meanwhile', [message(linkId, 1)]);
      await waitFor(async () => (await countsOf(linkId))[0] === 1, { timeoutMs: 30_000, what: 'the first click' });
      isAway = true;
      await on.producer.send('meanwhile', [message(linkId, 1)]);
      await waitFor(() => refusals > 0, { timeoutMs: 30_000, what: 'a click that waits' });
      await makeAnew('meanwhile', () => message(linkId, 1));
      await waitFor(() => refusals > 4, { timeoutMs: 30_000, what: 'a pause of some seconds' });
      isAway = false;
      await waitFor(async () => (await countsOf(linkId))[0] === 10, { timeoutMs: 30_000, what: 'all clicks' });
      expect(await countsOf(linkId)).toEqual([10, 10, 10]);
      expect(await store.position('meanwhile', 0)).toBe(8n);
    } finally {
      await ingest.close();
    }
  }, 120_000);
});
