import { readFileSync } from 'node:fs';
import { bool, type ConfigOf, defineConfig, file, list, needing, optional, text } from '../config/config.ts';
import type { KafkaOptions } from './client.ts';

/** Where Kafka is and how to log in; spread it into the declaration of a process that uses it. */
export const kafkaConfig = defineConfig({
  kafkaBrokers: list('HOP_KAFKA_BROKERS'),
  kafkaTls: bool('HOP_KAFKA_TLS', { default: false }),
  /** The authority that signs the brokers' certificates (PEM); none: those that Node trusts. */
  kafkaCaFile: needing('HOP_KAFKA_TLS=true', optional(file('HOP_KAFKA_CA_FILE'))),
  /** User name for SCRAM-SHA-512; none: no authentication. */
  kafkaUser: needing('HOP_KAFKA_PASSWORD_FILE', optional(text('HOP_KAFKA_USER'))),
  kafkaPasswordFile: needing('HOP_KAFKA_USER', optional(file('HOP_KAFKA_PASSWORD_FILE'))),
});

type KafkaAccess = Pick<KafkaOptions, 'brokers' | 'tls' | 'credentials'>;

/** Reads the files. */
export function kafkaAccess(config: ConfigOf<typeof kafkaConfig>): KafkaAccess {
  const { kafkaBrokers: brokers, kafkaTls, kafkaCaFile, kafkaUser: user, kafkaPasswordFile } = config;
  return {
    brokers,
    tls: kafkaCaFile === undefined ? kafkaTls : { ca: readFileSync(kafkaCaFile, 'utf8') },
    ...(user !== undefined && kafkaPasswordFile !== undefined
      ? { credentials: { user, password: readFileSync(kafkaPasswordFile, 'utf8').trim() } }
      : {}),
  };
}
