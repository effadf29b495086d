import { type DescMethod, type DescService, getOption, hasOption } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { http } from '#gen-google/api/annotations_pb.ts';
import { type AccessRule, accessRuleOf, edgeRule } from '../caller/access.ts';
import { type StatusCode, statusName, statusNames } from './status.ts';
import { type RequestCheck, requestCheck } from './validation.ts';

/** What a handler takes and returns, for any method; the kind of the method decides. */
type Handler = (request: unknown, context: unknown) => unknown;

interface CallAttributes {
  readonly service: string;
  readonly method: string;
  readonly code: string;
}

/** One method with everything that is known about it before the first call. */
export interface Endpoint {
  readonly method: DescMethod;
  /** For example "hop.link.v1.LinkService/CreateLink". */
  readonly fullName: string;
  readonly service: string;
  readonly name: string;
  readonly rule: AccessRule;
  readonly check: RequestCheck | undefined;
  readonly handler: Handler;
  /** The attributes of a measurement, created once per status code. */
  readonly attributes: (code: StatusCode) => CallAttributes;
}

export interface Registration {
  readonly typeName: string;
  readonly endpoints: readonly Endpoint[];
}

interface ServiceOptions {
  /** For contracts that are not ours and have no access option: Envoy calls them. Their own rules are not checked. */
  readonly access?: 'edge';
}

/** A service with its handlers, to be passed to `serve`. */
export function service<Desc extends DescService>(
  descriptor: Desc,
  implementation: ServiceImpl<Desc>,
  options: ServiceOptions = {},
): Registration {
  return register(descriptor, descriptor.methods, implementation, options);
}

/** Those calls of a service that this process has handlers for; another process serves the service in full. */
export function serviceInPart<Desc extends DescService>(
  descriptor: Desc,
  implementation: Partial<ServiceImpl<Desc>>,
): Registration {
  const methods = descriptor.methods.filter(({ localName }) => localName in implementation);
  return register(descriptor, methods, implementation, {});
}

function register<Desc extends DescService>(
  descriptor: Desc,
  methods: readonly DescMethod[],
  implementation: Partial<ServiceImpl<Desc>>,
  options: ServiceOptions,
): Registration {
  const handlers = implementation as unknown as Record<string, ((...all: never[]) => unknown) | undefined>;
  const endpoints = methods.map((method): Endpoint => {
    const fullName = `${descriptor.typeName}/${method.name}`;
    const handler = handlers[method.localName];
    if (typeof handler !== 'function') throw new Error(`${fullName} has no handler.`);
    if (method.methodKind === 'client_streaming')
      throw new Error(`${fullName} streams requests alone, which is not served.`);
    return {
      method,
      fullName,
      service: descriptor.typeName,
      name: method.name,
      rule: options.access === 'edge' ? edgeRule : accessRuleOf(method),
      check: options.access === 'edge' ? undefined : requestCheck(method.input, bodyFieldOf(method)),
      handler: handler.bind(implementation) as Handler,
      attributes: attributesByCode(descriptor.typeName, method.name),
    };
  });
  return { typeName: descriptor.typeName, endpoints };
}

/** The field that REST reads the body into; empty if the body is the whole request, or there is none. */
function bodyFieldOf(method: DescMethod): string {
  const body = hasOption(method, http) ? getOption(method, http).body : '';
  return body === '*' ? '' : body;
}

function attributesByCode(service: string, method: string): (code: StatusCode) => CallAttributes {
  const all = statusNames.map((code) => ({ service, method, code }));
  return (code) => all[code] ?? { service, method, code: statusName(code) };
}
