import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../config/config.ts';
import { silentLog } from '../telemetry/log.ts';
import { selfSigned } from '../testing/certificate.ts';
import { startHangingBroker } from '../testing/hanging-broker.ts';
import { kafkaIsInstalled, startKafka, type TestKafka } from '../testing/kafka.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { freePort, waitFor } from '../testing/wait-for.ts';
import { createKafka, type KafkaOptions } from './client.ts';
import { kafkaAccess, kafkaConfig } from './config.ts';
import { type Batch, type ConsumerOptions, createConsumer, type RunningConsumer } from './consumer.ts';
import { createProducer, type Producer } from './producer.ts';
import { makeTopics } from './topics.ts';

/** Plays the part of a table of offsets: what is stored, and from where to go on. */
function store() {
  const seen: string[] = [];
  const offsets = new Map<number, bigint>();
  return {
    seen,
    offsets,
    position: async (partition: number) => offsets.get(partition),
    handle: async ({ partition, messages }: Batch): Promise<bigint> => {
      const next = offsets.get(partition) ?? 0n;
      for (const { offset, value } of messages) if (BigInt(offset) >= next) seen.push(String(value));
      const after = BigInt(messages.at(-1)?.offset ?? -1) + 1n;
      offsets.set(partition, after > next ? after : next);
      return offsets.get(partition) ?? 0n;
    },
  };
}

const guard = { user: 'hopline', password: 'as long as it is' };
const certificate = selfSigned('localhost');

describe.skipIf(!kafkaIsInstalled())('Kafka', () => {
  let kafka: TestKafka;
  const open: { close(): Promise<void> | void }[] = [];
  beforeAll(async () => {
    kafka = await startKafka({ ...guard, ...certificate });
  });
  afterAll(async () => {
    for (const one of open) await one.close();
    await kafka.stop();
  });

  function producer(): Producer {
    const made = createProducer({ brokers: kafka.brokers, clientId: 'test', log: silentLog });
    open.push(made);
    return made;
  }
  function consumer(
    topic: string,
    groupId: string,
    from: Pick<ConsumerOptions, 'position' | 'handle' | 'assigned'>,
  ): RunningConsumer {
    const made = createConsumer({ brokers: kafka.brokers, clientId: 'test', groupId, topic, log: silentLog, ...from });
    open.push(made);
    return made;
  }
  const values = (from: number, to: number): { value: string; partition: number }[] =>
    Array.from({ length: to - from }, (_, n) => ({ value: String(from + n), partition: 0 }));
  const strings = (from: number, to: number): string[] => values(from, to).map(({ value }) => value);

  describe('behind TLS and a password', () => {
    const files = temporaryDirectory();
    const fileOf = (name: string, content: string): string => {
      writeFileSync(join(files, name), content);
      return join(files, name);
    };
    const told = (more: Record<string, string>): Omit<KafkaOptions, 'clientId' | 'log'> =>
      kafkaAccess(loadConfig(kafkaConfig, { HOP_KAFKA_BROKERS: kafka.guarded.join(), ...more }));
    const signedBy = { HOP_KAFKA_TLS: 'true', HOP_KAFKA_CA_FILE: fileOf('ca.crt', certificate.certificate) };
    const credentials = {
      HOP_KAFKA_USER: guard.user,
      HOP_KAFKA_PASSWORD_FILE: fileOf('password', `${guard.password}\n`),
    };

    it('sends and reads as elsewhere', async () => {
      await kafka.createTopic('guarded', 1);
      const options = { ...told({ ...signedBy, ...credentials }), clientId: 'test', log: silentLog };
      const sending = createProducer(options);
      const table = store();
      open.push(sending, createConsumer({ ...options, groupId: 'guarded', topic: 'guarded', ...table }));
      await sending.send('guarded', values(0, 10));
      await waitFor(() => table.seen.length === 10, { timeoutMs: 20_000 });
      expect(table.seen).toEqual(strings(0, 10));
    });

    const wrong = { ...credentials, HOP_KAFKA_PASSWORD_FILE: fileOf('wrong', 'something else') };
    it.concurrent.each([
      ['another password', { ...signedBy, ...wrong }, /SASL|Authentication/],
      ['no password', signedBy, /disconnected|closed/i],
      ['a certificate of nobody that is trusted', { HOP_KAFKA_TLS: 'true', ...credentials }, /self-signed/],
      ['no TLS', credentials, /disconnected|closed|timeout/i],
    ])('is not let in with %s', async (_, more: Record<string, string>, fault) => {
      const admin = createKafka({ ...told(more), clientId: 'test', log: silentLog }).admin({ retry: { retries: 0 } });
      await expect(admin.connect().then(() => admin.listTopics())).rejects.toThrow(fault);
      await admin.disconnect();
    });

    it.each([
      [{ HOP_KAFKA_CA_FILE: signedBy.HOP_KAFKA_CA_FILE }, 'HOP_KAFKA_CA_FILE needs HOP_KAFKA_TLS=true'],
      [{ HOP_KAFKA_USER: 'hopline' }, 'HOP_KAFKA_USER needs HOP_KAFKA_PASSWORD_FILE'],
      [
        { HOP_KAFKA_PASSWORD_FILE: credentials.HOP_KAFKA_PASSWORD_FILE },
        'HOP_KAFKA_PASSWORD_FILE needs HOP_KAFKA_USER',
      ],
    ])('refuses half a setting: %o', (more: Record<string, string>, fault) => {
      expect(() => told(more)).toThrow(fault);
    });
  });

  // These wait, for sessions and timeouts, more than they do: at once.
  it.concurrent('reads everything in order, and goes on from the place that the store holds', async () => {
    await kafka.createTopic('place', 1);
    const sending = producer();
    await sending.send('place', values(0, 500));
    const table = store();
    const first = consumer('place', 'place', table);
    await waitFor(() => table.seen.length === 500, { timeoutMs: 20_000 });
    await first.close();
    await sending.send('place', values(500, 600));
    // A store that was set back by somebody else reads again; one that is ahead does not.
    table.offsets.set(0, 450n);
    consumer('place', 'place', table);
    await waitFor(() => table.seen.length === 650, { timeoutMs: 20_000 });
    expect(table.seen).toEqual([...strings(0, 500), ...strings(450, 600)]);
  });

  it.concurrent('hands out batches of several partitions beside each other where it is told to', async () => {
    await kafka.createTopic('beside', 3);
    const table = store();
    let inHand = 0;
    const most = { inHand: 0 };
    const made = createConsumer({
      brokers: kafka.brokers,
      clientId: 'test',
      groupId: 'beside',
      topic: 'beside',
      log: silentLog,
      position: table.position,
      concurrency: 2,
      handle: async (batch) => {
        most.inHand = Math.max(most.inHand, ++inHand);
        await sleep(50);
        inHand--;
        return table.handle(batch);
      },
    });
    open.push(made);
    await producer().send(
      'beside',
      [0, 1, 2].map((partition) => ({ value: String(partition), partition })),
    );
    await waitFor(() => table.seen.length === 3, { timeoutMs: 20_000 });
    expect(most.inHand).toBe(2);
  });

  it.concurrent('tries a batch again until it is stored', async () => {
    await kafka.createTopic('again', 1);
    const table = store();
    let failures = 3;
    consumer('again', 'again', {
      position: table.position,
      handle: async (batch) => {
        if (failures-- > 0) throw new Error('the database is away');
        return table.handle(batch);
      },
    });
    await producer().send('again', values(0, 10));
    await waitFor(() => table.seen.length === 10, { timeoutMs: 20_000 });
    expect(table.seen).toEqual(strings(0, 10));
  });

  it.concurrent('reads no further while a batch cannot be stored, and keeps its partition for longer than a session', async () => {
    await kafka.createTopic('held', 1);
    const table = store();
    const handed: string[] = [];
    let isAway = true;
    let assignments = 0;
    consumer('held', 'held', {
      position: table.position,
      assigned: () => assignments++,
      handle: async (batch) => {
        handed.push(batch.messages.map(({ offset }) => offset).join());
        if (isAway) throw new Error('the database is away');
        return table.handle(batch);
      },
    });
    const sending = producer();
    await sending.send('held', values(0, 10));
    await waitFor(() => handed.length > 0, { timeoutMs: 20_000 });
    await sending.send('held', values(10, 20));
    await sleep(7_000);
    expect(handed.length).toBeGreaterThan(2);
    expect(new Set(handed).size).toBe(1);
    isAway = false;
    await waitFor(() => table.seen.length === 20, { timeoutMs: 20_000 });
    expect(table.seen).toEqual(strings(0, 20));
    expect(assignments).toBe(1);
  });

  it.concurrent('reads on from what is left where its place was deleted, although the store answers slowly', async () => {
    await kafka.createTopic('cut', 1);
    const sending = producer();
    await sending.send('cut', values(0, 20));
    const admin = createKafka({ brokers: kafka.brokers, clientId: 'test', log: silentLog }).admin();
    await admin.connect();
    await admin.fetchTopicOffsets('cut');
    await admin.deleteTopicRecords({ topic: 'cut', partitions: [{ partition: 0, offset: '10' }] });
    await admin.disconnect();
    const table = store();
    table.offsets.set(0, 5n);
    consumer('cut', 'cut', {
      handle: table.handle,
      position: async (partition) => {
        await sleep(1_500);
        return table.position(partition);
      },
    });
    await waitFor(() => table.seen.length === 10, { timeoutMs: 20_000 });
    expect(table.seen).toEqual(strings(10, 20));
  });

  it.concurrent('says that a topic is missing instead of making it or losing the messages', async () => {
    await expect(producer().send('missing', values(0, 1))).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it.concurrent('refuses what is for a partition that it does not know of, and takes it afterwards', async () => {
    const shape = { topic: 'widened', partitions: 2, replication: 1 };
    const options = { brokers: kafka.brokers, clientId: 'test', log: silentLog };
    await makeTopics(options, [shape]);
    const sending = producer();
    await sending.send('widened', [{ value: 'before', partition: 0 }]);
    await makeTopics(options, [{ ...shape, partitions: 4 }]);
    const after = [0, 3].map((partition) => ({ value: `after in ${partition}`, partition }));
    await expect(sending.send('widened', after)).rejects.toMatchObject({ kind: 'unavailable' });
    await waitFor(() => sending.send('widened', after).then(() => true), { timeoutMs: 10_000, what: 'a retry' });
    const table = store();
    consumer('widened', 'widened', table);
    const expected = ['after in 0', 'after in 3', 'before'];
    await waitFor(() => expected.every((value) => table.seen.includes(value)), {
      timeoutMs: 20_000,
      what: 'all of it',
    });
  });

  it.concurrent('goes to the next broker when one accepts its connections and answers nothing', async () => {
    await kafka.createTopic('hanging', 1);
    const hanging = await startHangingBroker();
    const brokers = (): string[] => [hanging.address, ...kafka.brokers];
    const options = { clientId: 'test', log: silentLog };
    const table = store();
    const sending = createProducer({ ...options, brokers: brokers() });
    const reading = createConsumer({ ...options, brokers: brokers(), groupId: 'hanging', topic: 'hanging', ...table });
    open.push(sending, reading, hanging);
    await waitFor(() => sending.send('hanging', values(0, 1)).then(() => true), { timeoutMs: 30_000, what: 'a send' });
    await waitFor(() => table.seen.length > 0, { timeoutMs: 30_000, what: 'a delivery' });
    // Else the consumer that was given up would join the group as well, once that broker answers, and stay there after the close.
    await waitFor(() => hanging.connections() === 0, { timeoutMs: 5_000, what: 'the end of every connection to it' });
  }, 70_000);

  it.concurrent('closes while Kafka is away', async () => {
    const away = { brokers: [`127.0.0.1:${await freePort()}`], clientId: 'test', log: silentLog };
    const reading = createConsumer({ ...away, groupId: 'away', topic: 'away', ...store() });
    const sending = createProducer(away);
    const sent = sending.send('away', values(0, 1)).catch(() => {});
    await sleep(300);
    await Promise.all([reading.close(), sending.close()]);
    await sent;
  });

  it('loses nothing that was acknowledged when Kafka is killed, and comes back by itself', async () => {
    await kafka.createTopic('killed', 1);
    const table = store();
    consumer('killed', 'killed', table);
    const sending = producer();
    const acknowledged: string[] = [];
    let running = true;
    const loop = (async () => {
      for (let n = 0; running; n++) {
        const sent = await sending.send('killed', [{ value: String(n), partition: 0 }]).then(
          () => true,
          () => false,
        );
        if (sent) acknowledged.push(String(n));
        await sleep(5);
      }
    })();
    await waitFor(() => table.seen.length > 50, { timeoutMs: 20_000 });
    await kafka.kill();
    await sleep(1_000);
    await kafka.restart();
    const before = acknowledged.length;
    await waitFor(() => acknowledged.length > before + 50, { timeoutMs: 30_000 });
    running = false;
    await loop;
    await waitFor(() => acknowledged.every((value) => table.seen.includes(value)), { timeoutMs: 30_000 });
  }, 120_000);

  it('spends nothing on an idle connection', async () => {
    const before = process.cpuUsage();
    await sleep(1_000);
    const { user, system } = process.cpuUsage(before);
    // A loop that spins takes all of the second.
    expect((user + system) / 1_000).toBeLessThan(500);
  });
});
