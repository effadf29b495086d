import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKafka } from '#runtime/kafka/client.ts';
import { createProducer, type Producer } from '#runtime/kafka/kafka.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { kafkaIsInstalled, startKafka, type TestKafka } from '#runtime/testing/kafka.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import type { AnalyticsConfig } from './config.ts';
import { startIngest } from './ingest.ts';
import { postgresStore } from './store.postgres.ts';
import { encodeClicks, testClick } from './testing.ts';

const dead = 'dead';

describe.skipIf(!kafkaIsInstalled())('from Kafka to Postgres', () => {
  let kafka: TestKafka;
  let database: TestDatabase;
  let pool: Pool;
  let producer: Producer;
  beforeAll(async () => {
    database = await postgresFor('analytics');
    kafka = await startKafka();
    pool = createPool(database.url, { max: 4, log: silentLog });
    producer = createProducer({ brokers: kafka.brokers, clientId: 'test', log: silentLog });
    await kafka.createTopic(dead, 1);
  });
  afterAll(async () => {
    await producer.close();
    await pool.end();
    await database.drop();
    await kafka.stop();
  });

  const configOf = (clicksTopic: string) =>
    ({
      kafkaBrokers: kafka.brokers,
      instance: 'analytics',
      clicksTopic,
      deadTopic: dead,
      consumerGroup: clicksTopic,
      batchClicks: 100,
      retentionDays: 400,
      fetchWaitMs: 20,
    }) as unknown as AnalyticsConfig;
  const message = (linkId: string, clicks: number) => ({
    partition: 0,
    value: encodeClicks(Array.from({ length: clicks }, () => testClick({ linkId }))),
  });
  async function countsOf(linkId: string): Promise<number[]> {
    const { rows } = await pool.query<{ counts: number[] }>(
      `select array[(select count(*) from clicks where link_id = $1), (select coalesce(sum(clicks), 0) from click_totals where link_id = $1),
         (select coalesce(sum(clicks), 0) from click_minutes where link_id = $1)]::int[] as counts`,
      [linkId],
    );
    return rows[0]?.counts ?? [];
  }

  test('a process that is killed between its inserts and its commit, again and again, counts each click once', async () => {
    await kafka.createTopic('killed', 1);
    // Every commit takes a while, with all rows written.
    await pool.query(`
      create function linger() returns trigger language plpgsql as 'begin perform pg_sleep(0.2); return null; end';
      create constraint trigger linger after insert or update on consumer_offsets deferrable initially deferred
        for each row execute function linger()`);
    const linkId = randomUUID();
    const code = `import { startIngest } from './services/analytics/ingest.ts';
      import { postgresStore } from './services/analytics/store.postgres.ts';
      import { createPool } from '#runtime/postgres/pool.ts';
      import { silentLog } from '#runtime/telemetry/log.ts';
      const pool = createPool(${JSON.stringify(database.url)}, { name: 'child', max: 2, log: silentLog });
      startIngest(${JSON.stringify(configOf('killed'))}, postgresStore(pool), silentLog);`;
    const start = () => spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore' });
    const committing = async (): Promise<boolean> => {
      const { rows } = await pool.query(
        "select from pg_stat_activity where application_name = 'child' and query = 'commit' and state = 'active' and datname = current_database()",
      );
      return rows.length > 0;
    };
    await producer.send(
      'killed',
      Array.from({ length: 12 }, () => message(linkId, 100)),
    );
    for (let kills = 0; kills < 3; kills++) {
      const child = start();
      await waitFor(committing, { timeoutMs: 30_000, intervalMs: 5, what: 'a commit' });
      child.kill('SIGKILL');
      await producer.send('killed', [message(linkId, 100)]);
    }
    await pool.query('drop trigger linger on consumer_offsets');
    const last = start();
    await waitFor(async () => (await countsOf(linkId))[0] === 1_500, { timeoutMs: 30_000, what: 'all clicks' });
    last.kill('SIGKILL');
    expect(await countsOf(linkId)).toEqual([1_500, 1_500, 1_500]);
  }, 120_000);

  test('a poisoned message holds nobody up; a topic that was made anew and is longer than before is read from its start', async () => {
    await kafka.createTopic('anew', 1);
    const linkId = randomUUID();
    const first = [message(linkId, 3), { partition: 0, value: Buffer.from('poison') }, message(linkId, 3)];
    const store = postgresStore(pool);
    for (const item of first) await producer.send('anew', [item]);
    const before = startIngest(configOf('anew'), store, silentLog);
    await waitFor(async () => (await countsOf(linkId))[0] === 6, { timeoutMs: 30_000, what: 'the first clicks' });
    await before.close();
    const admin = createKafka({ brokers: kafka.brokers, clientId: 'test', log: silentLog }).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: ['anew'] });
    await waitFor(() => kafka.createTopic('anew', 1).then(() => true), { timeoutMs: 20_000, intervalMs: 200 });
    await admin.disconnect();
    for (let n = 0; n < 8; n++) await producer.send('anew', [message(linkId, 1)]);
    const after = startIngest(configOf('anew'), store, silentLog);
    try {
      await waitFor(async () => (await countsOf(linkId))[0] === 14, { timeoutMs: 30_000, what: 'all clicks' });
      expect(await countsOf(linkId)).toEqual([14, 14, 14]);
      expect(await store.position('anew', 0)).toBe(8n);
    } finally {
      await after.close();
    }
  }, 120_000);
});
