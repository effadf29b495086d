import { randomBytes } from 'node:crypto';
import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createKafka } from '../kafka/client.ts';
import { silentLog } from '../telemetry/log.ts';
import { type Part, partDirectory, removeDirectory, runPart, startPart } from './part.ts';
import { freePort, waitFor } from './wait-for.ts';

export interface TestKafka {
  readonly brokers: readonly string[];
  /** Where the same broker asks for TLS and a password, if it was started so. */
  readonly guarded: readonly string[];
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

/** Who may come by the guarded listener, and what the broker shows there; in PEM. */
export interface Guard {
  readonly user: string;
  readonly password: string;
  readonly certificate: string;
  readonly key: string;
}

/** Starts an Apache Kafka of its own, one broker that is its own controller, on free ports; up in some five seconds. */
export async function startKafka(guard?: Guard): Promise<TestKafka> {
  const directory = partDirectory('kafka');
  const [port, controllerPort, guardedPort] = [await freePort(), await freePort(), await freePort()];
  const properties = join(directory, 'server.properties');
  const open = settings(directory, port, controllerPort);
  writeFileSync(properties, [...open, ...(guard ? guarded(directory, open, guardedPort, guard) : []), ''].join('\n'));
  const java = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData', '-cp', join(jarsDirectory(), '*')];
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const scram = guard ? ['--add-scram', `SCRAM-SHA-512=[name=${guard.user},password=${guard.password}]`] : [];
  runPart('java', [...java, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties, ...scram]);
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
    guarded: guard ? [`localhost:${guardedPort}`] : [],
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

function settings(directory: string, port: number, controllerPort: number): string[] {
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
  ];
}

/** A listener more, which replaces two lines of the settings: the last of a name counts. */
function guarded(directory: string, open: readonly string[], port: number, { certificate, key }: Guard): string[] {
  const store = join(directory, 'broker.pem');
  writeFileSync(store, `${key}${certificate}`);
  const more = (name: string, entry: string): string => `${open.find((line) => line.startsWith(`${name}=`))},${entry}`;
  return [
    more('listeners', `SASL_SSL://localhost:${port}`),
    more('advertised.listeners', `SASL_SSL://localhost:${port}`),
    more('listener.security.protocol.map', 'SASL_SSL:SASL_SSL'),
    'ssl.keystore.type=PEM',
    `ssl.keystore.location=${store}`,
    'sasl.enabled.mechanisms=SCRAM-SHA-512',
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;',
  ];
}
