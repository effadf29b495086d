// Every port of a local mesh, in one place, and how each is overridden from the environment.

const DEFAULTS = {
  envoy: 8080,
  'envoy-internal': 8081,
  'envoy-admin': 9901,
  'envoy-stats': 9902,
  link: 7001,
  'link-metrics': 8001,
  'resolver-1': 7011,
  'resolver-1-metrics': 8011,
  'resolver-2': 7012,
  'resolver-2-metrics': 8012,
  identity: 7003,
  'identity-metrics': 8003,
  analytics: 7004,
  'analytics-metrics': 8004,
  'gateway-access': 7005,
  'gateway-access-metrics': 8005,
  'gateway-edge': 7006,
  'gateway-edge-metrics': 8006,
  'envoy-2': 8090,
  'envoy-2-internal': 8091,
  'envoy-2-admin': 9911,
  'envoy-2-stats': 9912,
  'link-2': 7021,
  'link-2-metrics': 8021,
  'identity-2': 7023,
  'identity-2-metrics': 8023,
  'analytics-2': 7024,
  'analytics-2-metrics': 8024,
  'gateway-access-2': 7025,
  'gateway-access-2-metrics': 8025,
  'gateway-edge-2': 7026,
  'gateway-edge-2-metrics': 8026,
  postgres: 7432,
  'postgres-replica': 7433,
  valkey: 7379,
  kafka: 7092,
  'kafka-controller': 7093,
} as const;

export type PortName = keyof typeof DEFAULTS;
export type Ports = Readonly<Record<PortName, number>>;

export const portNames = Object.keys(DEFAULTS) as PortName[];

/** Thrown with every faulty variable, one per line. */
export class PortError extends Error {
  override name = 'PortError';
}

/** The environment variable that sets one port: `HOP_PORT_RESOLVER_1`, `HOP_PORT_ENVOY_ADMIN` … */
export function portVariable(name: PortName): string {
  return `HOP_PORT_${name.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * The ports of a mesh. HOP_PORT_OFFSET is added to every default; HOP_PORT_<PART> is used as given, and so is HOP_HTTP_PORT, which takes
 * precedence for the public listener. Throws PortError naming every invalid value.
 */
export function portsFrom(env: Readonly<Record<string, string | undefined>>): Ports {
  const faults: string[] = [];
  const offset = numberFrom(env, 'HOP_PORT_OFFSET', 10_000, 0, 55_000, faults) ?? 0;
  const ports = {} as Record<PortName, number>;
  for (const name of portNames) {
    const own = numberFrom(env, portVariable(name), DEFAULTS[name], 1, 65_535, faults);
    const front = name === 'envoy' ? numberFrom(env, 'HOP_HTTP_PORT', 8080, 1, 65_535, faults) : undefined;
    ports[name] = front ?? own ?? DEFAULTS[name] + offset;
  }
  faults.push(...collisions(ports));
  if (faults.length > 0) throw new PortError(`The ports of this mesh will not do:\n  - ${faults.join('\n  - ')}`);
  return ports;
}

function numberFrom(
  env: Readonly<Record<string, string | undefined>>,
  variable: string,
  example: number,
  min: number,
  max: number,
  faults: string[],
): number | undefined {
  const text = env[variable];
  if (text === undefined || text === '') return undefined;
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  faults.push(
    `${variable} is ${JSON.stringify(text)}; expected a whole number from ${min} to ${max}, such as ${example}`,
  );
  return undefined;
}

function collisions(ports: Ports): string[] {
  const faults: string[] = [];
  const taken = new Map<number, PortName>();
  for (const name of portNames) {
    const port = ports[name];
    const other = taken.get(port);
    if (port > 65_535) faults.push(`${name} would listen on ${port}, above 65535; lower HOP_PORT_OFFSET`);
    else if (other !== undefined)
      faults.push(`${other} and ${name} would both listen on ${port}; set ${portVariable(name)}`);
    taken.set(port, name);
  }
  return faults;
}
