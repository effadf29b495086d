/** Envoy's configuration is protobuf in JSON. Envoy itself checks it: `envoy --mode validate`, in render.test.ts. */
type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** A message inside google.protobuf.Any. */
export function typed(type: string, value: JsonObject = {}): JsonObject {
  return { '@type': `type.googleapis.com/${type}`, ...value };
}

/** An entry of a list of named extensions. */
export function extension(name: string, type: string, value: JsonObject = {}): JsonObject {
  return { name, typed_config: typed(type, value) };
}
