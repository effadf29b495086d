import { randomBytes } from 'node:crypto';
import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createKafka } from '../kafka/client.ts';
import { silentLog } from '../telemetry/log.ts';
import { type Part, partDirectory, removeDirectory, runPart, startPart } from './part.ts';
import { freePort, waitFor } from './wait-for.ts';

export interface TestKafka {
  readonly brokers: readonly string[];
  createTopic(topic: string, partitions: number): Promise<void>;
  /** kill -9, and a new start with the same storage and port. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** HOP_KAFKA_JARS, or the jars that the local mesh was prepared with. */
function jarsDirectory(): string {
  const local = process.env.HOP_LOCAL_DIR ?? join(import.meta.dirname, '../../.local');
  return process.env.HOP_KAFKA_JARS ?? join(local, 'kafka-jars');
}

/** Kafka needs Java and some hundred megabytes; where it is not installed its tests say so and are skipped. */
export function kafkaIsInstalled(): boolean {
  return globSync(join(jarsDirectory(), 'kafka-server-[0-9]*.jar')).length > 0;
}

/** Starts an Apache Kafka of its own, one broker that is its own controller, on free ports; up in some five seconds. */
export async function startKafka(): Promise<TestKafka> {
  const directory = partDirectory('kafka');
  const [port, controllerPort] = [await freePort(), await freePort()];
  const properties = join(directory, 'server.properties');
  writeFileSync(properties, settings(directory, port, controllerPort));
  const java = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData', '-cp', join(jarsDirectory(), '*')];
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  runPart('java', [...java, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties]);
  const brokers = [`127.0.0.1:${port}`];
  const admin = createKafka({ brokers, clientId: 'test-admin', log: silentLog }).admin();
  const start = async (): Promise<Part> => {
    const started = startPart('java', [...java, 'kafka.Kafka', properties]);
    await waitFor(
      async () => {
        await admin.connect();
        return (await admin.describeCluster()).brokers.length === 1;
      },
      { timeoutMs: 40_000, intervalMs: 200, what: 'Kafka' },
    );
    return started;
  };
  let part = await start();
  return {
    brokers,
    async createTopic(topic, partitions) {
      await admin.createTopics({
        topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }],
        waitForLeaders: true,
      });
    },
    kill: () => part.stop('SIGKILL'),
    async restart() {
      part = await start();
    },
    async stop() {
      await admin.disconnect();
      await part.stop('SIGKILL');
      removeDirectory(directory);
    },
  };
}

function settings(directory: string, port: number, controllerPort: number): string {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names=CONTROLLER',
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    `log.dirs=${join(directory, 'log')}`,
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    'auto.create.topics.enable=false',
    '',
  ].join('\n');
}
