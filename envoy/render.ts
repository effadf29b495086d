import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { create, type DescFile, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { stringify } from 'yaml';
import { file_google_rpc_error_details } from '#gen-google/rpc/error_details_pb.ts';
import { ConfigError, loadConfig } from '#runtime/config/config.ts';
import { readContract } from '#runtime/contract/contract.ts';
import { bootstrap } from './bootstrap.ts';
import type { JsonObject } from './json.ts';
import { routeConfiguration } from './routes/route-configuration.ts';
import { secrets } from './secrets.ts';
import { type EnvoySettings, envoyConfig, settingsFrom } from './settings.ts';

export type { EnvoySettings } from './settings.ts';

export interface RenderedEnvoy {
  readonly configPath: string;
  /** Envoy's arguments. Start it with umask 077: the spool must be private. */
  readonly args: readonly string[];
}

/** Writes Envoy's configuration. Files are replaced atomically, so a running Envoy can watch routes/ and tls/. */
export function renderEnvoy(settings: EnvoySettings): RenderedEnvoy {
  const { outDir } = settings;
  const seenDir = settings.seenAs ?? resolve(outDir);
  const seen = {
    descriptors: posix.join(seenDir, 'descriptors.binpb'),
    routes: posix.join(seenDir, 'routes'),
    tls: posix.join(seenDir, 'tls'),
  };
  const descriptors = withErrorDetails(readFileSync(settings.descriptorPath));
  const rpcs = readContract(descriptors);
  for (const dir of ['routes', 'tls']) mkdirSync(join(outDir, dir), { recursive: true });
  place(join(outDir, 'descriptors.binpb'), descriptors);
  for (const door of ['public', 'internal'] as const)
    place(join(outDir, 'routes', `${door}.yaml`), yaml(routeConfiguration(door, rpcs, settings)));
  for (const [name, secret] of secrets(settings)) place(join(outDir, 'tls', `${name}.yaml`), yaml(secret));
  place(join(outDir, 'envoy.yaml'), yaml(bootstrap(settings, rpcs, seen)));
  return { configPath: join(outDir, 'envoy.yaml'), args: args(settings, posix.join(seenDir, 'envoy.yaml')) };
}

function args({ concurrency }: EnvoySettings, configPath: string): string[] {
  return [
    ...['-c', configPath],
    ...(concurrency === undefined ? [] : ['--concurrency', String(concurrency)]),
    // A click reaches the spool this long after the answer, and is then safe if Envoy dies.
    ...['--file-flush-interval-msec', '200'],
    ...['--drain-time-s', '10', '--parent-shutdown-time-s', '15'],
    ...['--log-level', 'warning'],
    // Two Envoys on one host must not share memory by accident.
    '--use-dynamic-base-id',
  ];
}

/** The transcoder prints an error's details only if it knows their types. */
function withErrorDetails(descriptorSet: Uint8Array): Uint8Array {
  const set = fromBinary(FileDescriptorSetSchema, descriptorSet);
  const known = new Set(set.file.map(({ name }) => name));
  const missing = withDependencies(file_google_rpc_error_details).filter(({ name }) => !known.has(name));
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [...missing, ...set.file] }));
}

function withDependencies(file: DescFile): FileDescriptorProto[] {
  return [...file.dependencies.flatMap(withDependencies), file.proto];
}

const yaml = (value: JsonObject): string => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });

function place(path: string, content: string | Uint8Array): void {
  const draft = `${path}.new`;
  writeFileSync(draft, content);
  renameSync(draft, path);
}

function main(): void {
  const { values } = parseArgs({ options: { out: { type: 'string' } } });
  if (values.out === undefined) throw new Error('Say where to write: node envoy/render.ts --out DIR.');
  const { configPath, args: started } = renderEnvoy(settingsFrom(loadConfig(envoyConfig), values.out));
  process.stdout.write(`${configPath}\nenvoy ${started.join(' ')}\n`);
}

if (import.meta.main) {
  try {
    main();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof ConfigError ? 78 : 1;
  }
}
