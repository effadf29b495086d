import {
  createFileRegistry,
  type DescMessage,
  type DescMethod,
  fromBinary,
  getOption,
  hasOption,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { access, Exposure } from '#gen/options/v1/access_pb.ts';
import { http } from '#gen-google/api/annotations_pb.ts';
import type { HttpRule } from '#gen-google/api/http_pb.ts';
import { type PathTemplate, parsePathTemplate } from './path-template.ts';

/** Where `npm run generate` leaves the contract. */
export const descriptorSetPath = new URL('../../gen/hopline.binpb', import.meta.url);

/** What the query of a call may say even where the body has all its fields. */
export const inAnyQuery: ReadonlySet<string> = new Set(['domain']);

/** One way to reach an RPC by REST. */
export interface Binding {
  /** GET, HEAD, POST … */
  readonly verb: string;
  readonly path: PathTemplate;
  /** The request's field that the body is read into, `*` for the whole request, empty where no body is read. */
  readonly body: string;
}

/** An RPC as the door and the API's documentation need to know it. */
export interface Rpc {
  /** hop.link.v1.LinkService/CreateLink */
  readonly name: string;
  /** hop.link.v1.LinkService */
  readonly service: string;
  readonly exposure: Exposure;
  /** Empty where none is needed. */
  readonly scope: string;
  readonly anonymous: boolean;
  readonly internalListener: boolean;
  readonly sessionCookie: boolean;
  readonly streams: boolean;
  /** It changes nothing, so it may be made twice (idempotency_level NO_SIDE_EFFECTS). */
  readonly isRead: boolean;
  readonly bindings: readonly Binding[];
  readonly request: DescMessage;
  readonly response: DescMessage;
}

/** Reads every RPC of the hop.* services. Throws for one that does not say who may call it. */
export function readContract(descriptorSet: Uint8Array): Rpc[] {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet));
  const rpcs: Rpc[] = [];
  for (const file of registry.files) {
    if (!file.proto.package.startsWith('hop.')) continue;
    for (const service of file.services) rpcs.push(...service.methods.map(readRpc));
  }
  if (rpcs.length === 0) throw new Error('The descriptor set holds no hop.* service.');
  return rpcs;
}

function readRpc(method: DescMethod): Rpc {
  const name = `${method.parent.typeName}/${method.name}`;
  const rule = hasOption(method, access) ? getOption(method, access) : undefined;
  if (!rule || rule.exposure === Exposure.UNSPECIFIED)
    throw new Error(`${name} does not say who may call it: option (hop.options.v1.access) is missing.`);
  if (method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming')
    throw new Error(`${name} takes a stream of requests, which Envoy would hold until it ends.`);
  const bindings = hasOption(method, http) ? readBindings(name, getOption(method, http)) : [];
  if (rule.exposure === Exposure.INTERNAL && bindings.length > 0)
    throw new Error(`${name} is INTERNAL and must not have a path at the door (google.api.http).`);
  if (rule.exposure === Exposure.EDGE && bindings.length === 0)
    throw new Error(`${name} is EDGE and needs a path to be called by (google.api.http).`);
  return {
    name,
    service: method.parent.typeName,
    exposure: rule.exposure,
    scope: rule.scope,
    anonymous: rule.anonymous,
    internalListener: rule.internalListener,
    sessionCookie: rule.sessionCookie,
    streams: method.methodKind !== 'unary',
    isRead: method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
    bindings,
    request: method.input,
    response: method.output,
  };
}

function readBindings(name: string, rule: HttpRule): Binding[] {
  return [rule, ...rule.additionalBindings].map((binding) => {
    const pattern = binding.pattern;
    if (pattern.case === undefined) throw new Error(`${name} has a google.api.http rule without a path.`);
    const [verb, path] =
      pattern.case === 'custom'
        ? [pattern.value.kind, pattern.value.path]
        : [pattern.case.toUpperCase(), pattern.value];
    return { verb, path: parsePathTemplate(path), body: binding.body };
  });
}
