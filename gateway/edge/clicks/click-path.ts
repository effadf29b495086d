import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@connectrpc/connect';
import type { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { kafkaAccess } from '#runtime/kafka/config.ts';
import type { Producer } from '#runtime/kafka/producer.ts';
import { readTopic } from '#runtime/kafka/topics.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { pause } from '#runtime/time/pause.ts';
import type { EdgeConfig } from '../config.ts';
import { createEnricher } from './enrichment/enrich.ts';
import { openGeo } from './enrichment/geo.ts';
import { createSalts } from './enrichment/salts.ts';
import { createForwarder } from './forward.ts';
import type { ClickLine } from './parse.ts';
import { createPublisher } from './publish.ts';
import { createSend } from './send.ts';
import { openCursor } from './spool/cursor.ts';
import { createRotation } from './spool/rotation.ts';
import { openSpool } from './spool/spool.ts';
import { createSpoolCare } from './spool/spool-care.ts';
import { createClicksTopic } from './topic.ts';
import { traceSending } from './trace.ts';

interface Dependencies {
  readonly config: EdgeConfig;
  readonly producer: Producer;
  readonly analytics: Client<typeof AnalyticsService>;
  readonly log: Log;
  /** Called with each line that followed a link as soon as it is read; after a restart a line may come again. */
  readonly tap: (line: ClickLine) => void;
}

export interface ClickPath {
  /** Checks by name: without the spool nothing works, without Kafka clicks wait, without geo they have no place. */
  readonly checks: Readonly<Record<'spool' | 'kafka' | 'geo', () => Promise<void>>>;
  /** Forwards clicks until stop. Rejects on a fault that only a restart can fix. */
  run(): Promise<void>;
  stop(): Promise<void>;
}

/** Wires the way of a click from Envoy's spool to Kafka. */
export async function openClickPath({ config, producer, analytics, log, tap }: Dependencies): Promise<ClickPath> {
  const { spoolDir, edgeId, clicksTopic } = config;
  mkdirSync(spoolDir, { recursive: true, mode: 0o700 });
  const stopping = new AbortController();
  const cursor = await openCursor(join(spoolDir, 'cursor.json'), (error) => {
    log.error({ err: error }, 'the cursor cannot be read; the whole spool is sent again and counted once');
  });
  const spool = openSpool(spoolDir, cursor.found, { log });
  const salts = createSalts(analytics, { log, keepMs: config.spoolMaxAgeMs });
  const geo = await openGeo(geoFilesOf(config), log);
  const kafka = { ...kafkaAccess(config), clientId: config.instance, log };
  const topic = createClicksTopic({
    shape: { topic: clicksTopic, partitions: config.clicksPartitions, replication: config.kafkaReplication },
    read: (shape) => readTopic(kafka, shape),
    log,
  });
  const send = createPublisher(createSend({ producer, topic, clicksTopic, edgeId }), { log });
  const forwarder = createForwarder({
    spool,
    cursor,
    enrich: createEnricher(salts.of, geo.of),
    tap,
    async publish(clicks, signal) {
      const endSpans = traceSending(clicks, clicksTopic);
      await send(clicks, signal);
      endSpans();
    },
    log,
    lingerMs: config.lingerMs,
    maxClicks: config.batchClicks,
    pollMs: config.pollMs,
  });
  const rotation = createRotation({
    directory: spoolDir,
    admin: config.envoyAdmin,
    // A quota smaller than a few segments would leave nothing to drop.
    maxBytes: Math.min(config.segmentBytes, Math.floor(config.spoolMaxBytes / 4)),
    maxAgeMs: config.segmentAgeMs,
    log,
  });
  const care = createSpoolCare({
    directory: spoolDir,
    spool,
    rotation,
    limits: { maxBytes: config.spoolMaxBytes, maxAgeMs: config.spoolMaxAgeMs },
    minFreeBytes: config.segmentBytes,
    syncMs: config.spoolSyncMs,
    log,
  });
  observe(metric.spoolAge, {}, () => forwarder.waitedMs() / 1_000);
  const { signal } = stopping;
  let running: Promise<unknown> = Promise.resolve();
  return {
    checks: { spool: care.check, kafka: topic.check, geo: geo.check },
    run() {
      const all = Promise.all([
        salts.keep(signal),
        waitForSalts(salts.ready, config.saltWaitMs, signal).then(() => forwarder.run(signal)),
        care.run(signal),
        topic.keep(signal),
      ]);
      running = all.catch(() => {});
      return all.then(() => {});
    },
    async stop() {
      stopping.abort();
      await running;
      await spool.close();
    },
  };
}

function geoFilesOf({ geoFiles }: EdgeConfig): readonly string[] | undefined {
  if (geoFiles.length === 0) return undefined;
  return geoFiles[0] === 'off' ? [] : geoFiles;
}

/** Starting at the same moment as analytics would cost the first clicks their visitors; a longer wait would cost more. */
async function waitForSalts(ready: () => boolean, limitMs: number, signal: AbortSignal): Promise<void> {
  const until = performance.now() + limitMs;
  while (!ready() && performance.now() < until && !signal.aborted) await pause(20, signal);
}
