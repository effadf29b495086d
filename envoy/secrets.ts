import { posix } from 'node:path';
import { type JsonObject, typed } from './json.ts';
import type { Certificate, EnvoySettings } from './settings.ts';

/** The SDS files: they name the certificates, which Envoy reloads when their directory changes. */
export function secrets({ publicTls, internalTls }: EnvoySettings): [name: string, file: JsonObject][] {
  const files: [string, JsonObject][] = [];
  if (publicTls) files.push(['public', certificate('public', publicTls)]);
  if (internalTls) files.push(['internal', certificate('internal', internalTls)]);
  if (internalTls?.clientCa !== undefined) files.push(['clients', authority('clients', internalTls.clientCa)]);
  return files;
}

function certificate(name: string, { certificate: chain, key }: Certificate): JsonObject {
  return discovered(name, {
    tls_certificate: {
      certificate_chain: { filename: chain },
      private_key: { filename: key },
      watched_directory: { path: posix.dirname(chain) },
    },
  });
}

function authority(name: string, path: string): JsonObject {
  return discovered(name, {
    validation_context: { trusted_ca: { filename: path }, watched_directory: { path: posix.dirname(path) } },
  });
}

function discovered(name: string, secret: JsonObject): JsonObject {
  return {
    resources: [typed('envoy.extensions.transport_sockets.tls.v3.Secret', { name, ...secret })],
  };
}
