// The mesh, declared: each part's command, readiness and dependencies, and the tasks between them.
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { migrate } from '#runtime/postgres/migrate.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { installDir } from '../bootstrap/checkout.mjs';
import { membersOf } from '../graph.ts';
import { type KafkaContext, kafkaCommand, makeLocalTopics, prepareKafka } from '../kafka/kafka.ts';
import { checkout } from '../layout.ts';
import { createFailover, type Failover, promotedProbe } from '../postgres/failover.ts';
import type { PostgresHome } from '../postgres/home.ts';
import {
  bootstrapRoles,
  type PostgresContext,
  postgresUrl,
  preparePrimary,
  prepareReplica,
} from '../postgres/postgres.ts';
import { primaryDir, replicaDir } from '../postgres/roles.ts';
import { grpcHealthProbe, postgresProbe, tcpProbe, valkeyProbe } from '../supervisor/probes.ts';
import { envoyPart } from './envoy.ts';
import type { Part, Task } from './part.ts';
import {
  type MeshSettings,
  nodeFlags,
  passedOn,
  portsSeenBy,
  type ServicePart,
  serviceEnv,
  serviceKinds,
  serviceParts,
} from './services.ts';
import { prepareValkey, settingsFile } from './valkey.ts';

/** The services with a schema; the schema has the service's name, and its role is `hop_<service>`. */
const SCHEMAS = ['link', 'identity', 'analytics'] as const;

export interface Mesh {
  readonly parts: readonly Part[];
  readonly tasks: readonly Task[];
  readonly failover: Failover;
}

/** Every part and task of a mesh with these settings. */
export function meshOf(settings: MeshSettings, home: PostgresHome): Mesh {
  const postgres: PostgresContext = {
    home,
    port: settings.ports.postgres,
    replicaPort: settings.ports['postgres-replica'],
    passwords: settings.secrets.passwords,
    synchronous: synchronousReplication(settings.env),
  };
  const services = serviceParts.map((name) => service(name, settings));
  return {
    parts: [
      primary(postgres),
      replica({ ...postgres, port: portsSeenBy('postgres-replica', settings).postgres }),
      valkey(settings),
      kafka(settings),
      ...services,
      ...membersOf('envoy', 2).map((name) => envoyPart(name, settings, () => binaries().envoy)),
    ],
    tasks: [roles(postgres), migrations(settings), topics(settings)],
    failover: createFailover(postgres),
  };
}

function synchronousReplication({ HOP_SYNCHRONOUS_REPLICATION: wanted = 'off' }: MeshSettings['env']): boolean {
  if (wanted === 'on' || wanted === 'off' || wanted === '') return wanted === 'on';
  throw new Error(`HOP_SYNCHRONOUS_REPLICATION is ${JSON.stringify(wanted)}; expected on or off.`);
}

function primary(context: PostgresContext): Part {
  return {
    name: 'postgres',
    prepare: () => preparePrimary(context),
    command: () => postgresCommand(context.home, primaryDir(context.home)),
    ready: promotedProbe(context),
  };
}

function roles(context: PostgresContext): Task {
  const run = async (): Promise<string> => {
    await bootstrapRoles(context);
    return 'database, roles and schemas';
  };
  return { name: 'roles', run };
}

function replica(context: PostgresContext): Part {
  return {
    name: 'postgres-replica',
    prepare: () => prepareReplica(context),
    command: () => postgresCommand(context.home, replicaDir(context.home)),
    ready: postgresProbe(postgresUrl('postgres', context.passwords, context.replicaPort, 'postgres')),
  };
}

function postgresCommand(home: PostgresHome, dir: string): ReturnType<Part['command']> {
  // The binaries find their own libraries; environment variables of another Postgres must not reach them.
  const env = { PATH: process.env.PATH, TZ: 'UTC', LC_ALL: 'C' };
  return { file: path.join(home.bin, 'postgres'), args: ['-D', dir], env, cwd: '/', user: home.user };
}

function valkey({ layout, ports, secrets, env }: MeshSettings): Part {
  const dir = path.join(layout.data, 'valkey');
  const { valkey: password } = secrets.passwords;
  return {
    name: 'valkey',
    prepare: () => prepareValkey(dir, ports.valkey, password),
    command: () => ({ file: binaries().valkey, args: [settingsFile(dir)], env: passedOn(env), cwd: dir }),
    ready: valkeyProbe(ports.valkey, password),
  };
}

function kafka(settings: MeshSettings): Part {
  const { layout, ports, env } = settings;
  const context: KafkaContext = {
    dir: path.join(layout.data, 'kafka'),
    jars: path.join(installDir, 'kafka-jars'),
    port: ports.kafka,
    advertisedPort: portsSeenBy('kafka', settings).kafka,
    controllerPort: ports['kafka-controller'],
    env: passedOn(env),
  };
  return {
    name: 'kafka',
    prepare: () => prepareKafka(context),
    command: () => kafkaCommand(context),
    ready: tcpProbe(ports.kafka),
  };
}

function topics({ ports }: MeshSettings): Task {
  const run = async (): Promise<string> => {
    await makeLocalTopics(ports.kafka);
    return 'Kafka topics';
  };
  return { name: 'topics', run };
}

function migrations({ ports, secrets }: MeshSettings): Task {
  const log = createLog({ instance: 'migrate', logLevel: 'silent' });
  const one = async (schema: (typeof SCHEMAS)[number]): Promise<string[]> => {
    const dir = path.join(checkout, 'services', schema, 'migrations');
    if (!existsSync(dir)) return [];
    const url = postgresUrl(`hop_${schema}`, secrets.passwords, ports.postgres);
    const applied = await migrate({ dir, url, schema, log }).catch((cause: unknown) => {
      throw new Error(`The schema ${schema} cannot be brought up to date (npm run reset begins with empty data).`, {
        cause,
      });
    });
    return applied.map((name) => `${schema}/${name}`);
  };
  const run = async (): Promise<string> => {
    const applied = (await Promise.all(SCHEMAS.map(one))).flat();
    return applied.length === 0 ? 'schemas are current' : `applied ${applied.length} migrations`;
  };
  return { name: 'migrations', run };
}

function service(name: ServicePart, settings: MeshSettings): Part {
  const kind = serviceKinds[name];
  return {
    name,
    prepare: () => {
      const { HOP_SPOOL_DIR: spool } = serviceEnv(name, settings);
      if (spool !== undefined) mkdirSync(spool, { recursive: true, mode: 0o700 });
    },
    command: () => ({
      file: meshNode,
      args: [...nodeFlags(kind), path.join(checkout, kind.main)],
      env: serviceEnv(name, settings),
      cwd: checkout,
    }),
    ready: grpcHealthProbe(settings.ports[name]),
  };
}

/** The Node binary itself, not a link to it, so that the process list shows what a pid runs. */
const meshNode = realpathSync(path.join(checkout, 'node_modules/.bin/node'));

/** Where the server binaries are installed, as recorded by the bootstrap stage. */
function binaries(): { envoy: string; valkey: string } {
  return JSON.parse(readFileSync(path.join(installDir, 'venv/.hopline-stamp.json'), 'utf8'));
}
