import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type ConfigSpec, loadConfig } from '#runtime/config/config.ts';
import { kafkaConfig } from '#runtime/kafka/config.ts';
import { temporaryDirectory } from '#runtime/testing/temporary-directory.ts';
import { writeSecrets } from '../compose/docker/secrets.ts';
import { nodeFlags } from '../compose/local/parts/services.ts';
import { type PortName, portsFrom } from '../compose/local/ports/ports.ts';
import { readDotenv } from '../compose/testing/compose-file.ts';
import { faultsOf, processes } from '../compose/testing/processes.ts';
import { renderEnvoy } from '../envoy/render.ts';
import { envoyConfig, settingsFrom } from '../envoy/settings.ts';
import { edgeConfig } from '../gateway/edge/config.ts';
import { analyticsConfig } from '../services/analytics/config.ts';
import { identityConfig } from '../services/identity/config.ts';
import { linkConfig } from '../services/link/config.ts';
import { resolverConfig } from '../services/resolver/config.ts';
import {
  type Container,
  kustomization,
  type Manifest,
  manifestFiles,
  manifests,
  meshEnvironment,
  type Pod,
  type Selector,
  toldTo,
} from './testing/manifests.ts';

const checkout = join(import.meta.dirname, '..');
const secrets = temporaryDirectory();
const at = (host: string, port: number) => ({ host, port });
const stores = {
  postgres: at('pg', 5432),
  replicas: [at('pg-ro', 5432)],
  parameters: '',
  valkey: at('valkey', 6379),
  valkeyTls: false,
  valkeyUser: '',
};
writeSecrets(secrets, stores);

const base = manifests('base');
const setup = manifests('setup');
const named = (kind: string, name: string): Manifest => {
  const found = [...base, ...setup].find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (!found) throw new Error(`There is no ${kind} ${name}.`);
  return found;
};
const workloads = [...base, ...setup].flatMap(({ kind, metadata, spec: { template } }) =>
  template ? [{ kind, name: metadata.name, pod: template.spec, labels: template.metadata.labels }] : [],
);
const all = ({ initContainers = [], containers }: Pod): Container[] => [...initContainers, ...containers];
const containers = workloads.flatMap(({ name, pod }) =>
  all(pod).map((container): [string, Container, Pod] => [`${name}/${container.name}`, container, pod]),
);
const toldToRenderer = toldTo(containers.find(([name]) => name === 'edge/render')?.[1] as Container);
/** Containers that stay: a sidecar is an init container that is restarted. */
const parts = workloads.flatMap(({ kind, pod }) =>
  kind === 'Job' ? [] : all(pod).filter((one) => pod.containers.includes(one) || one.restartPolicy === 'Always'),
);
const partNamed = (name: string): Container => {
  const found = parts.find((part) => part.name === name);
  if (!found) throw new Error(`There is no container ${name}.`);
  return found;
};
const isSidecar = (name: string): boolean => partNamed(name).restartPolicy === 'Always';
const processNames = Object.keys(processes);
const processOf = (name: string): { main: string; spec: ConfigSpec } => processes[name] ?? { main: '', spec: {} };
/** The Deployment or StatefulSet, and the label of its pods: a gateway-edge lives with its Envoy. */
const podOf = (process: string): string => (process === 'gateway-edge' ? 'edge' : process);
const portOf = (process: string): number =>
  portsFrom({})[(process === 'resolver' ? 'resolver-1' : process) as PortName];

function environmentOf(name: string): Record<string, string> {
  const own = join(secrets, name);
  const file = parseEnv(readFileSync(join(own, 'process.env'), 'utf8')) as Record<string, string>;
  const told = { ...file, ...toldTo(partNamed(name)) };
  return Object.fromEntries(Object.entries(told).map(([key, value]) => [key, value.replace(/^\/run\/hopline/, own)]));
}

const mebibytes = (amount = '0Mi'): number => Number(amount.replace(/Mi$/, ''));

describe.each(['base', 'setup', 'monitoring'])('%s', (layer) => {
  it('lists every manifest', () => {
    expect([...kustomization(layer).resources].sort()).toEqual(manifestFiles(layer).sort());
  });

  it('takes its images in the versions of compose/.env', () => {
    const dotenv = readDotenv();
    const tag = (image = ''): string => image.slice(image.lastIndexOf(':') + 1);
    const tags = { hopline: tag(dotenv.HOP_IMAGE), 'envoyproxy/envoy': tag(dotenv.ENVOY_IMAGE) };
    for (const { name, newTag } of kustomization(layer).images ?? []) expect(tags).toHaveProperty([name], newTag);
  });
});

describe('each container', () => {
  it.each(containers)('%s has limits, no privileges, and its version from the kustomization', (_, container, pod) => {
    expect(['hopline', 'envoyproxy/envoy']).toContain(container.image);
    expect(container).toMatchObject({
      resources: {
        requests: { cpu: expect.any(String), memory: expect.any(String) },
        limits: { cpu: expect.any(String), memory: expect.any(String) },
      },
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
    });
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    });
  });

  it('of an edge only Envoy says whether it is ready: a gateway-edge that is busy takes it out of no load balancer', () => {
    const { readinessProbe } = partNamed('gateway-edge');
    expect(readinessProbe).toBeUndefined();
  });

  it.each(parts)('$name is asked whether it has started, is ready, lives', (part) => {
    const { startupProbe, readinessProbe, livenessProbe } = part;
    const probes = isSidecar(part.name) ? [startupProbe, livenessProbe] : [startupProbe, readinessProbe, livenessProbe];
    for (const probe of probes)
      expect(probe?.grpc?.port ?? probe?.exec?.command).toEqual(
        part.name === 'envoy' ? ['bash', '/etc/hopline/envoy-health.sh', '9901'] : portOf(part.name),
      );
  });

  it.each(containers)('%s mounts what its pod has', (name, { volumeMounts = [] }, pod) => {
    const volumes = [...(pod.volumes ?? []).map((volume) => volume.name), name.startsWith('edge/') ? 'spool' : ''];
    for (const mount of volumeMounts) expect(volumes).toContain(mount.name);
  });
});

describe('each process', () => {
  it.each(processNames)('%s would start with its environment', (name) => {
    const faults = faultsOf(processOf(name).spec, environmentOf(name));
    // The mesh's variables are for all of them; the next test says that each has a reader.
    const own = (fault: string): boolean =>
      !Object.keys(meshEnvironment).some((key) => fault === `${key} is not read.`);
    expect(faults.filter(own)).toEqual([]);
  });

  it.each(Object.keys(meshEnvironment))('%s is read by somebody', (variable) => {
    const specs = [envoyConfig, ...processNames.map((name) => processOf(name).spec)];
    expect(specs.flatMap((spec) => Object.values(spec)).map(({ name }) => name)).toContain(variable);
  });

  it.each(processNames)('%s runs its main, with room around its heap, on its ports, with its own secret', (name) => {
    const { command = [], ports, resources } = partNamed(name);
    const heap = Number(/--max-old-space-size=(\d+)/.exec(command.join(' '))?.[1]);
    const metrics = portOf(name) + 1_000;
    expect(command.at(-1)).toBe(processOf(name).main);
    expect(command).toEqual(expect.arrayContaining([...nodeFlags({ heapMb: heap })]));
    expect(mebibytes(resources?.limits.memory)).toBeGreaterThanOrEqual(heap + 128);
    expect(ports).toEqual([
      { name: 'grpc', containerPort: portOf(name) },
      { name: 'metrics', containerPort: metrics },
    ]);
    expect(environmentOf(name)).toMatchObject({
      HOP_GRPC_ADDRESS: `0.0.0.0:${portOf(name)}`,
      HOP_METRICS_ADDRESS: `0.0.0.0:${metrics}`,
    });
    const { pod } = workloads.find((workload) => workload.name === podOf(name)) ?? {};
    expect(pod?.volumes?.flatMap(({ secret }) => secret?.secretName ?? [])).toEqual([`hop-${name}`]);
  });

  it.each(processNames)('%s is reached under its name, and few of its pods go at once', (name) => {
    const service = named('Service', podOf(name));
    expect(service.spec.selector).toEqual({ 'app.kubernetes.io/name': podOf(name) });
    const targetPort = isSidecar(name) ? portOf(name) : 'grpc';
    expect(service.spec.ports).toEqual([{ name: 'grpc', port: portOf(name), targetPort }]);
    const variable = `HOP_${name.toUpperCase().replace('-', '_')}_ADDRESS`;
    expect(meshEnvironment[name === 'resolver' ? 'HOP_RESOLVER_ADDRESSES' : variable]).toBe(
      `${podOf(name)}:${portOf(name)}`,
    );
    expect(named('PodDisruptionBudget', podOf(name)).spec).toHaveProperty('maxUnavailable', 1);
  });
});

it('a restore scales up again what it scaled to 0: apply does not, without a number of replicas, and an autoscaler leaves 0 alone', () => {
  const runbook = readFileSync(join(checkout, 'docs', 'runbook.md'), 'utf8');
  expect(runbook).toContain('kubectl -n hopline scale deployment,statefulset --all --replicas=0');
  const replicas = Number(/kubectl -n hopline scale deployment --all --replicas=(\d+)/.exec(runbook)?.[1]);
  for (const { metadata, spec } of base.filter(({ kind }) => kind === 'Deployment')) {
    expect(spec).not.toHaveProperty('replicas');
    expect(named('HorizontalPodAutoscaler', metadata.name).spec.minReplicas).toBeGreaterThanOrEqual(replicas);
  }
  expect(named('StatefulSet', 'edge').spec).toHaveProperty('replicas');
});

describe('the network', () => {
  const names = (selector: Selector = {}): readonly string[] =>
    selector.matchExpressions?.flatMap(({ values }) => values) ?? Object.values(selector.matchLabels ?? {});
  const readers = (variable: string): string[] =>
    processNames
      .filter((name) => Object.values(processOf(name).spec).some((read) => read.name === variable))
      .map(podOf);
  const admitted = (callee: string): readonly string[] =>
    (named('NetworkPolicy', callee).spec.ingress ?? []).flatMap(({ from = [] }) =>
      from.flatMap((one) => names(one.podSelector)),
    );

  it.each(processNames)('lets in to %s those who know its address, Envoy among them, and nobody else', (name) => {
    const variable =
      name === 'resolver' ? 'HOP_RESOLVER_ADDRESSES' : `HOP_${name.toUpperCase().replace('-', '_')}_ADDRESS`;
    const envoy = Object.values(envoyConfig).some((read) => read.name === variable) ? ['edge'] : [];
    expect(new Set(admitted(podOf(name)))).toEqual(new Set([...readers(variable), ...envoy]));
  });

  const letsInPrometheus = (asked: number): boolean => {
    const open = named('NetworkPolicy', 'monitoring').spec.ingress?.flatMap(({ ports = [] }) => ports) ?? [];
    return open.some(({ port, endPort = port }) => Number(port) <= asked && asked <= Number(endPort));
  };

  it.each(processNames)('lets in Prometheus to %s', (name) => {
    expect(letsInPrometheus(portOf(name) + 1_000)).toBe(true);
  });

  it('lets in Prometheus by no door of Envoy', () => {
    const { publicAddress, internalAddress } = envoyConfig;
    const doors = loadConfig({ publicAddress, internalAddress }, toldToRenderer);
    expect(Object.values(doors).map(({ port }) => letsInPrometheus(port))).toEqual([false, false]);
  });

  // Neither Kubernetes 1.30 (kubernetes/kubernetes#128850) nor Calico of its time (projectcalico/calico#8881) looks for the names of ports in a sidecar.
  it('lets in to gateway-edge by the number of its port', () => {
    const open = named('NetworkPolicy', 'edge').spec.ingress?.flatMap(({ ports = [] }) => ports) ?? [];
    expect(open.map(({ port }) => port)).toEqual([portOf('gateway-edge'), 'http', 'internal']);
  });

  it.each([
    ['postgres', 'HOP_POSTGRES_PRIMARY', 'roles'],
    ['valkey', 'HOP_REDIS_URL', ''],
    ['kafka', 'HOP_KAFKA_BROKERS', 'topics'],
  ])('lets out to %s those who use it', (store, variable, job) => {
    const users = [...readers(variable), job].filter((name) => name !== '');
    expect(new Set(names(named('NetworkPolicy', store).spec.podSelector))).toEqual(new Set(users));
  });
});

describe('the spool', () => {
  const edge = loadConfig(edgeConfig, environmentOf('gateway-edge'));

  it('reaches its quota before its volume is full', () => {
    const [volume] = named('StatefulSet', 'edge').spec.volumeClaimTemplates ?? [];
    const gibibytes = Number(volume?.spec.resources.requests.storage.replace(/Gi$/, ''));
    expect(edge.spoolMaxBytes + 4 * edge.segmentBytes).toBeLessThan(0.9 * gibibytes * 2 ** 30);
  });

  it('keeps no click for longer than the salt of its day is kept', () => {
    const { saltKeepDays } = loadConfig(analyticsConfig, environmentOf('analytics'));
    expect(edge.spoolMaxAgeMs).toBeLessThanOrEqual(saltKeepDays * 86_400_000);
  });
});

it('a job that is done can be seen for as long as the README waits for the other one', () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
  const [, jobs = '', minutes] = /wait --for=condition=complete ((?:job\/\w+ )+)--timeout=(\d+)m/.exec(readme) ?? [];
  for (const job of jobs.trim().split(' '))
    expect(named('Job', job.replace('job/', '')).spec.ttlSecondsAfterFinished).toBeGreaterThan(Number(minutes) * 60);
});

describe('growth', () => {
  const sql = readFileSync(join(checkout, 'compose/postgres/bootstrap.sql'), 'utf8');
  const times = Number(
    toldTo(named('Job', 'roles').spec.template?.spec.containers[0] as Container).HOP_CONNECTIONS_TIMES,
  );
  const limitOf = (role: string): number =>
    times * Number(new RegExp(`alter role ${role} .*limit (\\d+)`).exec(sql)?.[1]);
  // Pools of one process on one server, as its main makes them.
  const link = loadConfig({ size: linkConfig.poolSize }, {}).size + 6;
  const resolver = loadConfig({ size: resolverConfig.postgresConnections }, {}).size;
  const identity = loadConfig({ size: identityConfig.postgresConnections }, {}).size;

  it.each([
    ['link', link],
    ['resolver', resolver],
    ['identity', identity],
    ['analytics', 8],
  ])('%s at its most, one pod and a migration more, stays within the limit of its role', (name, connections) => {
    const most = named('HorizontalPodAutoscaler', name).spec.maxReplicas ?? Number.NaN;
    expect((most + 1) * connections + 1).toBeLessThanOrEqual(limitOf(`hop_${name}`));
  });

  it('makes no analytics process that has no partition to read', () => {
    const { partitions } = loadConfig({ partitions: edgeConfig.clicksPartitions }, {});
    expect(named('HorizontalPodAutoscaler', 'analytics').spec.maxReplicas).toBeLessThanOrEqual(partitions);
  });

  it('makes the topics where clicks are sent', () => {
    const job = named('Job', 'topics').spec.template?.spec.containers[0] as Container;
    const variables = Object.keys(meshEnvironment).filter((variable) => variable.startsWith('HOP_KAFKA_'));
    expect(variables).toEqual(expect.arrayContaining(Object.values(kafkaConfig).map(({ name }) => name)));
    for (const variable of variables) expect(toldTo(job)[variable], variable).toBe(meshEnvironment[variable]);
  });
});

describe.each(base.filter(({ kind }) => kind === 'Deployment'))('a rolling update of $metadata.name', ({ spec }) => {
  const pod = spec.template?.spec;
  const goodbye = pod?.containers[0]?.lifecycle?.preStop.sleep?.seconds ?? 0;
  /** A name's answers are kept for 5 s in the cluster's DNS, and looked up by Envoy every 5 s. */
  const dnsSeconds = 10;

  it('takes no pod away before Envoy knows the one in its place, nor one that Envoy does not know to be going', () => {
    expect(spec.minReadySeconds).toBeGreaterThan(dnsSeconds);
    expect(goodbye).toBeGreaterThan(dnsSeconds);
  });

  it('gives calls that run the time that the process gives them', () => {
    expect(pod?.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(goodbye + 30);
  });
});

describe('a rolling update of the edges', () => {
  const { spec } = named('StatefulSet', 'edge');
  const [shell, script, admin, stays, drains] = partNamed('envoy').lifecycle?.preStop.exec?.command ?? [];
  /** The README says to set the load balancer's checks so that it sees within this time that a node has an edge, or has none any more. */
  const loadBalancerSeconds = 30;

  it('takes no edge away before the load balancer has the one in its place, and has left out this one', () => {
    expect([shell, script, admin]).toEqual(['bash', '/etc/hopline/envoy-drain.sh', '9901']);
    expect(spec.minReadySeconds).toBeGreaterThanOrEqual(loadBalancerSeconds);
    expect(Number(stays)).toBeGreaterThanOrEqual(loadBalancerSeconds);
  });

  it('gives its gateway-edge, which is stopped after it, the time that it takes', () => {
    const grace = spec.template?.spec.terminationGracePeriodSeconds;
    expect(grace).toBeGreaterThanOrEqual(Number(stays) + Number(drains) + 30);
  });
});

it('Envoy is rendered from settings that it understands, and started as the renderer says', () => {
  const settings = settingsFrom(
    loadConfig(envoyConfig, { ...toldToRenderer, HOP_EDGE_ID: 'edge-0' }),
    join(secrets, 'envoy'),
  );
  const descriptorPath = join(checkout, settings.descriptorPath);
  const { args } = renderEnvoy({ ...settings, seenAs: '/etc/hopline/envoy', descriptorPath });
  const envoy = partNamed('envoy');
  expect(envoy.args).toEqual(args);
  expect(toldTo(envoy)).toEqual({ HOP_SPOOL_DIR: settings.spoolDir, HOP_ENVOY_LOG_DIR: settings.logDir });
  expect(mebibytes(envoy.resources?.limits.memory)).toBeGreaterThanOrEqual((settings.maxHeapMb ?? 0) + 128);
  expect(environmentOf('gateway-edge')).toMatchObject({
    HOP_SPOOL_DIR: settings.spoolDir,
    HOP_ENVOY_ADMIN: `http://127.0.0.1:${settings.adminPort}`,
  });
});
