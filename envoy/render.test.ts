import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { ConfigError, loadConfig } from '#runtime/config/config.ts';
import { type EnvoySettings, renderEnvoy } from './render.ts';
import { envoyConfig, settingsFrom } from './settings.ts';
import { descriptorPath } from './testing/door.ts';
import { envoyBinary } from './testing/envoy-process.ts';

const dir = mkdtempSync(join(tmpdir(), 'hop-render-'));
for (const part of ['spool', 'log']) mkdirSync(join(dir, part));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const at = (host: string, port: number) => [{ host, port }];
const local: EnvoySettings = {
  outDir: join(dir, 'local'),
  descriptorPath,
  spoolDir: join(dir, 'spool'),
  logDir: join(dir, 'log'),
  publicAddress: { host: '127.0.0.1', port: 8080 },
  internalAddress: { host: '127.0.0.1', port: 8081 },
  adminPort: 9901,
  upstreams: {
    link: at('127.0.0.1', 7001),
    resolver: [...at('127.0.0.1', 7011), ...at('127.0.0.1', 7012)],
    identity: at('127.0.0.1', 7003),
    analytics: at('127.0.0.1', 7004),
    'gateway-access': at('127.0.0.1', 7005),
  },
  concurrency: 2,
};
const names = (suffix: string): EnvoySettings['upstreams'] => ({
  link: at(`link${suffix}`, 7001),
  resolver: at(`resolver${suffix}`, 7011),
  identity: at(`identity${suffix}`, 7003),
  analytics: at(`analytics${suffix}`, 7004),
  'gateway-access': at(`gateway-access${suffix}`, 7005),
});
const docker: EnvoySettings = {
  ...local,
  outDir: join(dir, 'docker'),
  publicAddress: { host: '0.0.0.0', port: 8080 },
  stats: { host: '0.0.0.0', port: 9902 },
  upstreams: names(''),
};
const kubernetes: EnvoySettings = {
  ...docker,
  outDir: join(dir, 'kubernetes'),
  upstreams: names('.hopline.svc.cluster.local'),
  apiHosts: ['api.example.com'],
  trustedProxies: 1,
};
const tls: EnvoySettings = {
  ...kubernetes,
  outDir: join(dir, 'tls'),
  publicTls: { certificate: '/etc/tls/public/tls.crt', key: '/etc/tls/public/tls.key' },
  internalTls: { certificate: '/etc/tls/in/tls.crt', key: '/etc/tls/in/tls.key', clientCa: '/etc/tls/in/ca.crt' },
  http3: true,
  redirectAddress: { host: '0.0.0.0', port: 8088 },
};
const traced: EnvoySettings = {
  ...docker,
  outDir: join(dir, 'traced'),
  traces: { collector: { host: 'otel-collector', port: 4317 }, percent: 1 },
};

/** The least that render.ts has to be told by the environment. */
const told = {
  ...{ HOP_SPOOL_DIR: local.spoolDir, HOP_ENVOY_LOG_DIR: local.logDir, HOP_ENVOY_DESCRIPTORS: descriptorPath },
  ...{ HOP_LINK_ADDRESS: 'a:1', HOP_RESOLVER_ADDRESSES: 'a:1', HOP_IDENTITY_ADDRESS: 'a:1' },
  ...{ HOP_ANALYTICS_ADDRESS: 'a:1', HOP_GATEWAY_ACCESS_ADDRESS: 'a:1' },
};

type Config = Record<string, never> & { static_resources: { listeners: Listener[] } };
interface Listener {
  name: string;
  filter_chains: {
    filters: { typed_config: Manager }[];
    transport_socket?: { typed_config: { enable_early_data?: boolean } };
  }[];
}
interface Manager {
  rds?: unknown;
  route_config?: unknown;
  http_filters: { name: string; disabled?: boolean }[];
  http_protocol_options: { default_host_for_http_10?: string };
}

/** Envoy does not read route files when it only validates, so they are put in place. */
function withRoutes(settings: EnvoySettings): string {
  const config = parse(readFileSync(join(settings.outDir, 'envoy.yaml'), 'utf8')) as Config;
  // These two have their routes in them.
  const own = ['stats', 'redirect'];
  for (const listener of config.static_resources.listeners.filter(({ name }) => !own.includes(name))) {
    const door = listener.name.split('-')[0];
    const file = parse(readFileSync(join(settings.outDir, 'routes', `${door}.yaml`), 'utf8')) as {
      resources: Record<string, unknown>[];
    };
    const { '@type': _, ...routes } = file.resources[0] ?? {};
    for (const { typed_config: manager } of listener.filter_chains.flatMap(({ filters }) => filters)) {
      delete manager.rds;
      manager.route_config = routes;
    }
  }
  const path = join(settings.outDir, 'whole.yaml');
  writeFileSync(path, stringify(config, { aliasDuplicateObjects: false }));
  return path;
}

function validate(path: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(
    envoyBinary(),
    ['--mode', 'validate', '-c', path, '--log-level', 'warning'],
    {
      encoding: 'utf8',
      timeout: 20_000,
    },
  );
  return { status, output: `${stdout}${stderr}` };
}

describe('Envoy takes what is rendered, without a warning', () => {
  test.each([
    ['a laptop', local],
    ['Docker', docker],
    ['Kubernetes', kubernetes],
    ['TLS, mTLS and HTTP/3', tls],
    ['a collector of traces', traced],
    ['as many proxies as can be trusted', { ...local, outDir: join(dir, 'proxies'), trustedProxies: 8 }],
  ])('%s', (_, settings) => {
    const { configPath } = renderEnvoy(settings);
    for (const path of [configPath, withRoutes(settings)]) {
      const { status, output } = validate(path);
      expect(output.replaceAll(/^configuration .* OK$/gm, '').trim()).toBe('');
      expect(status).toBe(0);
    }
  });

  test('a fault in a route is a fault here', () => {
    renderEnvoy({ ...local, outDir: join(dir, 'fault') });
    const path = withRoutes({ ...local, outDir: join(dir, 'fault') });
    writeFileSync(path, readFileSync(path, 'utf8').replace('cluster: resolver', 'cluster: nobody'));
    expect(validate(path).status).not.toBe(0);
  });
});

test('a redirect to https names no port where it is the usual one, and is refused where there is no https', () => {
  const text = (publicPort: number): string => {
    renderEnvoy({ ...tls, publicPort });
    return readFileSync(join(tls.outDir, 'envoy.yaml'), 'utf8');
  };
  expect(text(443)).not.toContain('port_redirect');
  expect(text(9_443)).toContain('port_redirect: 9443');
  const given = loadConfig(envoyConfig, { ...told, HOP_ENVOY_REDIRECT_ADDRESS: '0.0.0.0:8088' });
  expect(() => settingsFrom(given, tls.outDir)).toThrow(/needs HOP_TLS_CERTIFICATE/);
});

test.each([
  ['https://hop.example', 443],
  ['https://hop.example:9443/', 9_443],
  ['http://hop.example', 8_080],
  [undefined, 8_080],
])('HTTP/3 is offered on the port of the clients: %s', (publicUrl, port) => {
  const given = loadConfig(envoyConfig, {
    ...told,
    ...{ HOP_HTTP3: 'true', HOP_TLS_CERTIFICATE: '/tls.crt', HOP_TLS_KEY: '/tls.key' },
    ...(publicUrl === undefined ? {} : { HOP_PUBLIC_URL: publicUrl }),
  });
  const outDir = join(dir, 'outer');
  renderEnvoy(settingsFrom(given, outDir));
  expect(readFileSync(join(outDir, 'routes/public.yaml'), 'utf8')).toContain(`h3=":${port}"`);
});

test('over HTTP/3 no request is taken before the handshake is over: whoever recorded it could send it again', () => {
  renderEnvoy(tls);
  const { static_resources } = parse(readFileSync(join(tls.outDir, 'envoy.yaml'), 'utf8')) as Config;
  const quic = static_resources.listeners.find(({ name }) => name === 'public-http3');
  expect(quic?.filter_chains[0]?.transport_socket?.typed_config.enable_early_data).toBe(false);
});

test.each([
  ['https://hop.example', 'hop.example'],
  ['http://[::1]:8080/', '[::1]:8080'],
  [undefined, undefined],
])('who by HTTP/1.0 names no host comes to that of %s', (publicUrl, host) => {
  const given = loadConfig(envoyConfig, { ...told, ...(publicUrl === undefined ? {} : { HOP_PUBLIC_URL: publicUrl }) });
  const outDir = join(dir, 'hosts');
  renderEnvoy(settingsFrom(given, outDir));
  const { static_resources } = parse(readFileSync(join(outDir, 'envoy.yaml'), 'utf8')) as Config;
  for (const { filter_chains } of static_resources.listeners.slice(0, 2))
    expect(filter_chains[0]?.filters[0]?.typed_config.http_protocol_options.default_host_for_http_10).toBe(host);
});

describe('the rendered files', () => {
  renderEnvoy(local);
  const config = parse(readFileSync(join(local.outDir, 'envoy.yaml'), 'utf8')) as Config & Record<string, never>;

  test('keep admin on loopback, whatever the listeners listen on', () => {
    renderEnvoy(kubernetes);
    for (const { outDir } of [local, kubernetes])
      expect(parse(readFileSync(join(outDir, 'envoy.yaml'), 'utf8')).admin.address.socket_address.address).toBe(
        '127.0.0.1',
      );
  });

  test('hold the filters in the order of the README', () => {
    const filters = config.static_resources.listeners[0]?.filter_chains[0]?.filters[0]?.typed_config.http_filters ?? [];
    const order = filters.map(({ name, disabled }) => `${name}${disabled ? '' : ' (on)'}`);
    expect(order).toEqual([
      'whole',
      'in-flight',
      'compressor',
      'grpc-web',
      'near signups',
      'near logins',
      'near anonymous',
      'near uncredentialed',
      'limit-address',
      'envoy.filters.http.ext_authz (on)',
      'near caller',
      'hygiene',
      'body',
      'script',
      'transcode hop.pages.v1.PagesService',
      'transcode hop.resolver.v1.ResolverService',
      'transcode-api',
      'router (on)',
    ]);
    const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8');
    const table = readme.slice(readme.indexOf('## The filters'), readme.indexOf('## The routes'));
    const places = [
      'whole',
      'in-flight',
      'compressor',
      'grpc-web',
      'near _address_',
      'limit-address',
      'ext_authz',
      'near caller',
      'hygiene',
      'body',
      'script',
      'transcode',
      'transcode-api',
      'router',
    ].map((name) => table.indexOf(`| ${name}`));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  test('keep logs out of the directories that Envoy watches', () => {
    const text = readFileSync(join(local.outDir, 'envoy.yaml'), 'utf8');
    for (const path of text.match(/path: .*\.jsonl/g) ?? []) expect(path).not.toContain(local.outDir);
  });

  test('are named by where Envoy sees them', () => {
    renderEnvoy({ ...local, outDir: join(dir, 'mounted'), seenAs: '/etc/hopline/envoy' });
    const text = readFileSync(join(dir, 'mounted', 'envoy.yaml'), 'utf8');
    expect(text).toContain('/etc/hopline/envoy/routes/public.yaml');
    expect(text).not.toContain(dir.concat('/mounted'));
  });
});

describe('the environment', () => {
  const minimal = {
    HOP_SPOOL_DIR: '/spool',
    HOP_ENVOY_LOG_DIR: '/log',
    HOP_LINK_ADDRESS: 'link:7001',
    HOP_RESOLVER_ADDRESSES: 'resolver-1:7011,resolver-2:7012',
    HOP_IDENTITY_ADDRESS: 'identity:7003',
    HOP_ANALYTICS_ADDRESS: 'analytics:7004',
    HOP_GATEWAY_ACCESS_ADDRESS: 'gateway-access:7005',
  };
  test('becomes settings', () => {
    const settings = settingsFrom(loadConfig(envoyConfig, minimal), '/out');
    expect(settings.upstreams.resolver).toEqual([...at('resolver-1', 7011), ...at('resolver-2', 7012)]);
    expect(settings.publicTls).toBeUndefined();
  });
  test('is refused when it says half of something', () => {
    const from = (more: Record<string, string>) => () =>
      settingsFrom(loadConfig(envoyConfig, { ...minimal, ...more }), '/out');
    expect(from({ HOP_TLS_CERTIFICATE: '/a' })).toThrow('belong together');
    expect(from({ HOP_TLS_CERTIFICATE: '/a' })).toThrow(ConfigError);
    expect(from({ HOP_HTTP3: 'true' })).toThrow('HOP_TLS_CERTIFICATE');
    expect(from({ HOP_INTERNAL_CLIENT_CA: '/a' })).toThrow('HOP_INTERNAL_TLS_CERTIFICATE');
  });
});
