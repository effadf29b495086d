// Kafka: one broker that is its own controller (KRaft), its storage, and the topics.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeTopics } from '#runtime/kafka/topics.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { findJava } from '../bootstrap/prerequisites.mjs';
import { replaceFile } from '../supervisor/pid-files.ts';

const FORMAT_TIMEOUT_MS = 60_000;

/** Every topic and its number of partitions. A click's partition is determined by its link. */
const TOPICS: Readonly<Record<string, number>> = { 'hop.clicks.v1': 6, 'hop.clicks.v1.dead': 1 };

export interface KafkaContext {
  /** The part's data folder: settings and the log. */
  readonly dir: string;
  readonly jars: string;
  readonly port: number;
  /** The port advertised to clients. */
  readonly advertisedPort: number;
  readonly controllerPort: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const LOG4J = path.join(import.meta.dirname, 'log4j2.properties');
const propertiesFile = (dir: string): string => path.join(dir, 'server.properties');

/** Writes the settings and formats the storage once. */
export async function prepareKafka(context: KafkaContext): Promise<void> {
  mkdirSync(context.dir, { recursive: true });
  replaceFile(propertiesFile(context.dir), properties(context));
  const log = path.join(context.dir, 'log');
  if (existsSync(path.join(log, 'meta.properties'))) return;
  rmSync(log, { recursive: true, force: true });
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', propertiesFile(context.dir)];
  const args = ['-Xmx96m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...common(context), ...format];
  await promisify(execFile)(java(), args, { ...surroundings(context), timeout: FORMAT_TIMEOUT_MS });
}

/** The command that runs the broker. */
export function kafkaCommand(context: KafkaContext) {
  const memory = ['-Xms96m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+ExitOnOutOfMemoryError'];
  const args = [...memory, ...common(context), 'kafka.Kafka', propertiesFile(context.dir)];
  return { file: java(), args, ...surroundings(context) };
}

/** Java decodes file names by the locale, and the C locale allows only ASCII. */
function surroundings({ dir, env }: KafkaContext) {
  return { cwd: dir, env: { ...env, LC_ALL: 'C.UTF-8' } };
}

function common({ jars, dir }: KafkaContext): string[] {
  const quiet = [
    `-Dlog4j2.configurationFile=${LOG4J}`,
    `-Dkafka.logs.dir=${dir}`,
    '-Djava.awt.headless=true',
    '-XX:-UsePerfData',
  ];
  return [...quiet, '-cp', path.join(jars, '*')];
}

function java(): string {
  const found = findJava();
  if (found === undefined) throw new Error('Java is gone since the start; Kafka needs it.');
  return found.command;
}

function properties({ port, advertisedPort, controllerPort }: KafkaContext): string {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${advertisedPort}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    // Relative to the working directory: a full path would be read as Latin-1, and split at commas.
    'log.dirs': 'log',
    // One broker holds the only copy of everything.
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // An undeclared topic is a mistake that should be noticed, not repaired.
    'auto.create.topics.enable': false,
    // A killed broker may return once its old session has expired (9 s by default).
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 500,
    'group.initial.rebalance.delay.ms': 0,
    'log.segment.bytes': 64 * 1024 * 1024,
    'log.retention.bytes': 512 * 1024 * 1024,
    'log.retention.hours': 168,
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'num.recovery.threads.per.data.dir': 2,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** Creates missing topics and adds missing partitions; safe to repeat. One broker has the only copy. */
export async function makeLocalTopics(port: number): Promise<void> {
  const log = createLog({ instance: 'topics', logLevel: 'silent' });
  const shapes = Object.entries(TOPICS).map(([topic, partitions]) => ({ topic, partitions, replication: 1 }));
  await makeTopics({ brokers: [`127.0.0.1:${port}`], clientId: 'compose-local', log }, shapes);
}
