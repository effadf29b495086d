import { randomUUID } from 'node:crypto';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { ClickBatchSchema } from '#gen/event/v1/click_pb.ts';
import type { Batch, KafkaMessage } from '#runtime/kafka/consumer.ts';
import type { Message } from '#runtime/kafka/producer.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startTracing } from '#runtime/telemetry/tracing.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { postgresStore } from '../store.postgres.ts';
import { RowsRefused, TookTooLong } from '../store.ts';
import { encodeClicks, testClick } from '../testing/clicks.ts';
import { createConsume } from './consume.ts';
import { createLag, type Lag } from './lag.ts';

let database: TestDatabase;
let pool: Pool;
let store: ReturnType<typeof postgresStore>;
let buried: Message[] = [];
let partition = 0;

beforeAll(async () => {
  database = await postgresFor('analytics');
  pool = database.openPool({ max: 4, statementTimeoutMs: 20_000 });
  store = postgresStore(pool);
});
afterAll(() => database.drop());
beforeEach(() => {
  partition++;
  buried = [];
});

const dead = {
  send: async (_topic: string, messages: readonly Message[]) => {
    buried.push(...messages);
  },
};
const lag = createLag();
const options = () => ({ store, dead, deadTopic: 'dead', log: silentLog, batchClicks: 10, retentionDays: 400, lag });

function message(offset: number, value: Buffer | null): KafkaMessage {
  return { key: null, value, timestamp: '0', attributes: 0, offset: String(offset), headers: {} };
}
function fetched(messages: readonly KafkaMessage[], highWatermark?: number): Batch {
  const end = Number(messages.at(-1)?.offset ?? -1) + 1;
  return { topic: 'clicks', partition, messages, highWatermark: BigInt(highWatermark ?? end) };
}
function clicksOf(linkId: string, count: number): Buffer {
  return encodeClicks(Array.from({ length: count }, () => testClick({ linkId })));
}
async function countOf(linkId: string): Promise<number> {
  const { rows } = await pool.query<{ clicks: string }>('select clicks from click_totals where link_id = $1', [linkId]);
  return Number(rows[0]?.clicks ?? 0);
}

test('stores what comes, in several transactions, and answers the offset behind it', async () => {
  const linkId = randomUUID();
  const consume = createConsume(options());
  const messages = [0, 1, 2, 3].map((offset) => message(offset, clicksOf(linkId, 7)));
  expect(await consume(fetched(messages))).toBe(4n);
  expect(await countOf(linkId)).toBe(28);
  expect(await store.position('clicks', partition)).toBe(4n);
});

test('what is fetched again is not counted again', async () => {
  const linkId = randomUUID();
  const messages = [0, 1, 2].map((offset) => message(offset, clicksOf(linkId, 3)));
  expect(await createConsume(options())(fetched(messages.slice(0, 2)))).toBe(2n);
  expect(await createConsume(options())(fetched(messages))).toBe(3n);
  expect(await createConsume(options())(fetched(messages.slice(0, 1), 3))).toBe(3n);
  expect(await countOf(linkId)).toBe(9);
});

test('a fetch that goes on where the last one ended asks the store for nothing, and one that was overtaken asks', async () => {
  const linkId = randomUUID();
  let asked = 0;
  const counted = {
    ...store,
    position: (...of: Parameters<typeof store.position>) => {
      asked++;
      return store.position(...of);
    },
  };
  const consume = createConsume({ ...options(), store: counted });
  const messages = [0, 1, 2, 3].map((offset) => message(offset, clicksOf(linkId, 3)));
  const part = (from: number, to: number) => fetched(messages.slice(from, to));
  expect(await consume(part(0, 1))).toBe(1n);
  expect(await consume(part(1, 2))).toBe(2n);
  expect(asked).toBe(1);
  expect(await createConsume(options())(part(1, 4))).toBe(4n);
  expect(await consume(part(2, 3))).toBe(4n);
  expect(asked).toBe(2);
  // As after an assignment.
  expect(await consume(part(3, 4))).toBe(4n);
  expect(asked).toBe(3);
  expect(await countOf(linkId)).toBe(12);
});

test('partitions of one fetch share a transaction', async () => {
  const linkIds = [randomUUID(), randomUUID()];
  const consume = createConsume(options());
  const both = linkIds.map((_, n) => partition + n);
  partition = both.at(-1) as number;
  for (const offset of [0, 1]) {
    await Promise.all(
      linkIds.map((linkId, n) =>
        consume({ ...fetched([message(offset, clicksOf(linkId, 2))]), partition: both[n] as number }),
      ),
    );
  }
  const { rows } = await pool.query<{ partition: number; xmin: string; next_offset: string }>(
    "select partition, xmin::text, next_offset from consumer_offsets where topic = 'clicks' and partition = any($1)",
    [both],
  );
  expect(rows.map(({ next_offset }) => next_offset)).toEqual(['2', '2']);
  expect(rows[0]?.xmin).toBe(rows[1]?.xmin);
  expect(await Promise.all(linkIds.map(countOf))).toEqual([4, 4]);
});

test('what is dated far ahead, or before what is kept, is not counted', async () => {
  const linkId = randomUUID();
  const days = (count: number): number => Date.now() * 1_000 + count * 86_400_000_000;
  const clicks = [days(0), days(2), days(-402)].map((atUs) => testClick({ linkId, atUs }));
  expect(await createConsume(options())(fetched([message(0, encodeClicks(clicks))]))).toBe(1n);
  expect(await countOf(linkId)).toBe(1);
});

test('what was stored before does not count as waiting: neither the message before the position nor a fetch that is tried again', async () => {
  const told: (readonly [number, number | undefined])[] = [];
  const oldest: (() => number | undefined)[] = [];
  const spied: Lag = {
    ...lag,
    stored: (_, behind) => void told.push([behind, oldest.at(-1)?.()]),
    whileWaiting(...[, step, read]) {
      if (read) oldest.push(read.oldestUs);
      return step();
    },
  };
  const consume = createConsume({ ...options(), lag: spied });
  const at = (atUs: number) => encodeClicks([testClick({ linkId: randomUUID(), atUs })]);
  const startUs = Date.now() * 1_000;
  const messages = [0, 1, 2].map((offset) => message(offset, at(startUs + offset)));
  await consume(fetched(messages.slice(0, 2)));
  told.length = 0;
  await consume(fetched(messages.slice(1, 2)));
  expect(told).toEqual([[0, undefined]]);
  told.length = 0;
  await consume(fetched(messages));
  expect(told[0]).toEqual([1, startUs + 2]);
});

test('a message that waits is read once for whoever asks how old it is', async () => {
  let asked: () => number | undefined = () => undefined;
  const away = { ...postgresStore(pool), position: () => Promise.reject(new Error('Connection terminated')) };
  const spied: Lag = {
    ...lag,
    whileWaiting(...[, step, read]) {
      if (read) asked = read.oldestUs;
      return step();
    },
  };
  const atUs = Date.now() * 1_000;
  const value = encodeClicks([testClick({ linkId: randomUUID(), atUs })]);
  let reads = 0;
  const waiting = {
    ...message(0, value),
    get value() {
      reads += 1;
      return value;
    },
  };
  await expect(createConsume({ ...options(), lag: spied, store: away })(fetched([waiting]))).rejects.toThrow();
  expect([asked(), asked(), asked()]).toEqual([atUs, atUs, atUs]);
  expect(reads).toBe(1);
});

test('what took too long is stored without the merge that held it up', async () => {
  const linkId = randomUUID();
  const hurried = createPool(database.url, {
    max: 2,
    statementTimeoutMs: 300,
    connectTimeoutMs: 20_000,
    log: silentLog,
  });
  onTestFinished(() => hurried.end());
  const consume = createConsume({ ...options(), store: postgresStore(hurried, { entries: 1, links: 10 }) });
  const messages = [message(0, clicksOf(linkId, 3)), message(1, clicksOf(linkId, 3))];
  const other = await pool.connect();
  await other.query('begin; lock table click_hour_values in share mode');
  await expect(consume(fetched(messages))).rejects.toBeInstanceOf(TookTooLong);
  expect(await consume(fetched(messages))).toBe(2n);
  await other.query('rollback');
  other.release();
  expect(await countOf(linkId)).toBe(6);
  // Later ones merge again.
  expect(await consume(fetched([message(2, clicksOf(linkId, 1))]))).toBe(3n);
  expect((await pool.query('select from click_value_deltas where link_id = $1', [linkId])).rowCount).toBe(0);
});

test('a partition that a process which stands still holds is waited for, and stored as ever once it is free', async () => {
  const linkId = randomUUID();
  const hurried = createPool(database.url, { max: 2, statementTimeoutMs: 300, log: silentLog });
  onTestFinished(() => hurried.end());
  const consume = createConsume({ ...options(), store: postgresStore(hurried, { entries: 1, links: 10 }) });
  const messages = [message(0, clicksOf(linkId, 3)), message(1, clicksOf(linkId, 3))];
  expect(await consume(fetched(messages.slice(0, 1)))).toBe(1n);
  const other = await pool.connect();
  await other.query("begin; update consumer_offsets set moved_at = now() where topic = 'clicks'");
  const fault = await consume(fetched(messages)).catch((error: unknown) => error);
  expect(fault).toMatchObject({ code: '57014' });
  await other.query('rollback');
  other.release();
  expect(await consume(fetched(messages))).toBe(2n);
  expect((await pool.query('select from click_value_deltas where link_id = $1', [linkId])).rowCount).toBe(0);
});

test('what takes too long is offered in ever smaller parts, and in larger ones again afterwards', async () => {
  const linkId = randomUUID();
  const sizes: number[] = [];
  let most = 4;
  const slow = {
    ...store,
    take: async (delivery: Parameters<typeof store.take>[0]) => {
      const size = delivery.batches.reduce((sum, { atUs }) => sum + atUs.length, 0);
      sizes.push(size);
      if (size > most) throw new TookTooLong('the statement was canceled');
      return store.take(delivery);
    },
  };
  const consume = createConsume({ ...options(), store: slow });
  const messages = Array.from({ length: 8 }, (_, offset) => message(offset, clicksOf(linkId, 2)));
  const all = fetched(messages);
  for (const parts of [[10], [6]]) {
    await expect(consume(all)).rejects.toThrow();
    expect(sizes.splice(0)).toEqual(parts);
  }
  expect(await consume(all)).toBe(8n);
  expect(sizes.splice(0)).toEqual([4, 4, 4, 4]);
  expect(await countOf(linkId)).toBe(16);
  most = 10;
  const more = [8, 9, 10, 11, 12].map((offset) => message(offset, clicksOf(linkId, 2)));
  expect(await consume(fetched(more.slice(0, 3)))).toBe(11n);
  expect(await consume(fetched(more.slice(3)))).toBe(13n);
  expect(sizes).toEqual([6, 4]);
});

test('a store that fails between transactions loses and doubles nothing', async () => {
  const linkId = randomUUID();
  let takes = 0;
  const failing = {
    ...store,
    take: async (delivery: Parameters<typeof store.take>[0]) => {
      if (++takes === 2) throw new Error('Connection terminated');
      const taken = await store.take(delivery);
      // The commit was made, its answer was lost.
      if (takes === 3) throw new Error('Connection terminated');
      return taken;
    },
  };
  const consume = createConsume({ ...options(), store: failing });
  const batch = fetched([0, 1, 2].map((offset) => message(offset, clicksOf(linkId, 10))));
  await expect(consume(batch)).rejects.toThrow();
  await expect(consume(batch)).rejects.toThrow();
  expect(await consume(batch)).toBe(3n);
  expect(await countOf(linkId)).toBe(30);
});

test('a zombie is told where the other one is, and changes nothing', async () => {
  const linkId = randomUUID();
  const messages = [0, 1, 2].map((offset) => message(offset, clicksOf(linkId, 10)));
  let other: Promise<bigint> | undefined;
  const slow = {
    ...store,
    take: async (delivery: Parameters<typeof store.take>[0]) => {
      other ??= createConsume(options())(fetched(messages));
      await other;
      return store.take(delivery);
    },
  };
  expect(await createConsume({ ...options(), store: slow })(fetched(messages.slice(0, 2)))).toBe(3n);
  expect(await countOf(linkId)).toBe(30);
});

describe('messages that cannot be stored', () => {
  test('one that cannot be read goes to the dead letters; its neighbours are stored', async () => {
    const linkId = randomUUID();
    const consume = createConsume(options());
    const messages = [
      message(0, clicksOf(linkId, 2)),
      message(1, Buffer.from('poison')),
      message(2, null),
      message(3, clicksOf(linkId, 2)),
    ];
    expect(await consume(fetched(messages))).toBe(4n);
    expect(await countOf(linkId)).toBe(4);
    expect(buried.map(({ headers }) => headers?.offset)).toEqual(['1', '2']);
    expect(buried[0]).toMatchObject({
      value: Buffer.from('poison'),
      headers: { topic: 'clicks', partition: String(partition) },
    });
  });

  test('one whose rows the store refuses goes there after three tries; its neighbours are stored', async () => {
    const linkId = randomUUID();
    const poison = randomUUID();
    let refusals = 0;
    const refusing = {
      ...store,
      take: async (delivery: Parameters<typeof store.take>[0]) => {
        if (!delivery.batches.some(({ dictionary }) => dictionary.includes(poison))) return store.take(delivery);
        refusals++;
        throw new RowsRefused('no');
      },
    };
    const consume = createConsume({ ...options(), store: refusing });
    const messages = [clicksOf(linkId, 2), clicksOf(poison, 2), clicksOf(linkId, 2)].map((value, offset) =>
      message(offset, value),
    );
    expect(await consume(fetched(messages))).toBe(3n);
    expect(refusals).toBe(1 + 3);
    expect(await countOf(linkId)).toBe(4);
    expect(buried.map(({ headers }) => headers?.offset)).toEqual(['1']);
  });

  test('while the store does not answer, each goes there once', async () => {
    const poison = randomUUID();
    let away = 6;
    const failing = {
      ...store,
      take: async (delivery: Parameters<typeof store.take>[0]) => {
        if (delivery.batches.length > 0) throw new RowsRefused('no');
        if (away-- > 0) throw new Error('Connection terminated');
        return store.take(delivery);
      },
    };
    const consume = createConsume({ ...options(), store: failing });
    const batch = fetched([message(0, clicksOf(poison, 1)), message(1, Buffer.from('poison'))]);
    while (away > 0) await expect(consume(batch)).rejects.toThrow('Connection terminated');
    expect(await consume(batch)).toBe(2n);
    expect(buried.map(({ headers }) => headers?.offset)).toEqual(['1', '0']);
    // Of a topic that was made anew the same offset is another message.
    partition++;
    for (const timestamp of ['0', '1']) {
      away = 1;
      const unreadable = { ...message(0, Buffer.from('poison')), timestamp };
      await expect(consume(fetched([unreadable]))).rejects.toThrow('Connection terminated');
    }
    expect(buried).toHaveLength(4);
  });

  test('while the dead letters cannot be written, the partition waits', async () => {
    const down = { send: () => Promise.reject(new Error('Kafka is away')) };
    const batch = fetched([message(0, Buffer.from('poison'))]);
    await expect(createConsume({ ...options(), dead: down })(batch)).rejects.toThrow();
    expect(await store.position('clicks', partition)).toBeUndefined();
    expect(await createConsume(options())(batch)).toBe(1n);
  });
});

describe('offsets that do not follow on', () => {
  test('a gap is asked about once, then accepted', async () => {
    const linkId = randomUUID();
    const consume = createConsume(options());
    expect(await consume(fetched([message(0, clicksOf(linkId, 1))]))).toBe(1n);
    const later = fetched([message(5, clicksOf(linkId, 1))]);
    expect(await consume(later)).toBe(1n);
    expect(await consume(later)).toBe(6n);
    expect(await countOf(linkId)).toBe(2);
  });

  test('a topic that was made anew is read from its start, once it is sure', async () => {
    const linkId = randomUUID();
    const consume = createConsume(options());
    expect(await consume(fetched([message(90, clicksOf(linkId, 1))]))).toBe(91n);
    const anew = fetched([message(0, clicksOf(linkId, 1)), message(1, clicksOf(linkId, 1))]);
    expect(await consume(anew)).toBe(91n);
    expect(await consume(anew)).toBe(2n);
    expect(await countOf(linkId)).toBe(3);
  });

  test('another log that has grown past the position is known by its message, and read from its start', async () => {
    const linkId = randomUUID();
    const first = [0, 1, 2].map((offset) => message(offset, clicksOf(linkId, 1)));
    expect(await createConsume(options())(fetched(first))).toBe(3n);
    // As after an assignment: reading begins one message before the position.
    expect(await createConsume(options())(fetched(first.slice(2)))).toBe(3n);
    const anew = [0, 1, 2, 3, 4].map((offset) => message(offset, clicksOf(linkId, 1)));
    expect(await createConsume(options())(fetched(anew.slice(2)))).toBe(0n);
    expect(await createConsume(options())(fetched(anew))).toBe(5n);
    expect(await countOf(linkId)).toBe(8);
  });

  test('where no digest was left, as by an older process, the position is believed', async () => {
    const linkId = randomUUID();
    const messages = [0, 1].map((offset) => message(offset, clicksOf(linkId, 1)));
    expect(await createConsume(options())(fetched(messages.slice(0, 1)))).toBe(1n);
    await pool.query("update consumer_offsets set next_offset = 2 where topic = 'clicks' and partition = $1", [
      partition,
    ]);
    expect(await createConsume(options())(fetched([...messages, message(2, clicksOf(linkId, 1))]))).toBe(3n);
    expect(await countOf(linkId)).toBe(2);
  });
});

test('what was stored of traced clicks is a span of its own, linked to those of their sending', async () => {
  const exporter = new InMemorySpanExporter();
  const tracing = await startTracing(
    { instance: 'analytics', otlpEndpoint: undefined },
    new SimpleSpanProcessor(exporter),
  );
  onTestFinished(() => tracing.stop());
  const sender = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
  const traceContexts = Buffer.from(sender.traceId + sender.spanId, 'hex');
  const plain = fromBinary(ClickBatchSchema, clicksOf(randomUUID(), 3));
  const traced = Buffer.from(toBinary(ClickBatchSchema, { ...plain, traceContexts }));
  const consume = createConsume({ ...options(), batchClicks: 1 });
  await consume(fetched([message(0, clicksOf(randomUUID(), 2)), message(1, traced)]));
  const [span, ...others] = exporter.getFinishedSpans();
  expect(others).toEqual([]);
  expect(span).toMatchObject({ name: 'process clicks', links: [{ context: sender }] });
});
