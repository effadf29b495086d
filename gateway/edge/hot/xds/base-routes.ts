import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRegistry, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { parse } from 'yaml';
import {
  FilterConfigSchema,
  type Route,
  type VirtualHost,
  VirtualHostSchema,
} from '#gen-envoy/config/route/v3/route_components_pb.ts';
import { TypedStructSchema } from '#gen-xds/type/v3/typed_struct_pb.ts';

/** The filter that checks credentials. */
export const authorize = 'envoy.filters.http.ext_authz';

/** The file of routes that Envoy has loaded: what a hot virtual host falls back to. */
export interface BaseRoutes {
  /** The name of the route configuration. */
  readonly name: string;
  /** The virtual host for every host without one of its own. */
  readonly virtualHost: VirtualHost;
  /** Hosts with a virtual host of their own in the file; the hot set cannot have them. */
  readonly taken: ReadonlySet<string>;
  /** Paths that look like a code but are not one. */
  readonly exactPaths: ReadonlySet<string>;
  /** Hash of the file's bytes. */
  readonly digest: string;
}

const registry = createRegistry(FilterConfigSchema, TypedStructSchema);

/** Reads the file that envoy/render.ts wrote. Throws when it is missing or not such a file. */
export function readBaseRoutes(path: string): BaseRoutes {
  const text = readFileSync(path);
  const file = parse(text.toString()) as { resources?: { name?: string; virtual_hosts?: JsonValue[] }[] };
  const [configuration] = file.resources ?? [];
  const hosts = (configuration?.virtual_hosts ?? []).map((host) =>
    fromJson(VirtualHostSchema, opaque(host), { registry }),
  );
  const virtualHost = hosts.find(({ domains }) => domains.includes('*'));
  if (!configuration?.name || !virtualHost) throw new Error(`${path} has no virtual host of all hosts.`);
  const open = virtualHost.routes.filter(({ typedPerFilterConfig }) => !(authorize in typedPerFilterConfig));
  if (open.length > 0) throw new Error(`${path} has routes that do not say who may use them: ${open[0]?.name}.`);
  const own = hosts.filter((host) => host !== virtualHost);
  return {
    name: configuration.name,
    virtualHost,
    taken: new Set(own.flatMap(({ domains }) => domains)),
    exactPaths: new Set(virtualHost.routes.flatMap(exactPath)),
    digest: createHash('sha256').update(text).digest('hex'),
  };
}

function exactPath({ match }: Route): string[] {
  return match?.pathSpecifier.case === 'path' ? [match.pathSpecifier.value] : [];
}

/**
 * The configuration of an extension as a struct under the name of its type, which Envoy reads the same way as in the file: this process
 * need not know the extensions that envoy/ uses.
 */
function opaque(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(opaque);
  if (typeof value !== 'object' || value === null) return value;
  const { '@type': url, ...fields } = value;
  if (typeof url === 'string' && !registry.getMessage(url.slice(url.lastIndexOf('/') + 1)))
    return { '@type': `type.googleapis.com/${TypedStructSchema.typeName}`, type_url: url, value: fields };
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, opaque(inner)]));
}
