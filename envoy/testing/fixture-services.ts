import {
  createFileRegistry,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  fromJson,
  type JsonValue,
  type Message,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import * as grpc from '@grpc/grpc-js';
import { Authorization } from '#gen-envoy/service/auth/v3/external_auth_pb.ts';
import { RateLimitService } from '#gen-envoy/service/ratelimit/v3/rls_pb.ts';

/** What a stand-in service saw. */
export interface SeenCall {
  readonly rpc: string;
  readonly request: JsonValue;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since 1970; infinite where there is none. */
  readonly deadline: number;
}

/** What a stand-in service does with a call. */
export interface Reply {
  /** The response in proto JSON; several for a stream. */
  readonly response?: JsonValue;
  readonly responses?: readonly JsonValue[];
  /** Initial metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly metadata?: Record<string, string | Uint8Array>;
  };
  readonly delayMs?: number;
  /** Held back until this resolves, for as long as the call is open. */
  readonly heldUntil?: Promise<void>;
}

type Behaviour = (call: SeenCall) => Reply;

export interface FixtureServices {
  readonly port: number;
  readonly calls: SeenCall[];
  /** Decides what an RPC answers from now on; an empty message otherwise. */
  on(rpc: string, behaviour: Behaviour): void;
  stop(): Promise<void>;
}

/** One grpc-js server with every service of the contract, ext_authz, rate limits, health and reflection: it stands in for all of them. */
export async function startFixtureServices(descriptorSet: Uint8Array, port = 0): Promise<FixtureServices> {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet));
  const calls: SeenCall[] = [];
  const behaviours = new Map<string, Behaviour>();
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 16 * 1_048_576 });
  const services: DescService[] = [Authorization, RateLimitService];
  for (const file of registry.files) if (file.proto.package.startsWith('hop.')) services.push(...file.services);
  for (const service of services) {
    const definition: Record<string, grpc.MethodDefinition<Message, Message>> = {};
    const handlers: grpc.UntypedServiceImplementation = {};
    for (const method of service.methods) {
      definition[method.name] = methodDefinition(method);
      handlers[method.name] = handler(method, calls, behaviours);
    }
    server.addService(definition, handlers);
  }
  for (const path of ['/grpc.health.v1.Health/Check', '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'])
    addServing(server, path);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, at) =>
      error ? reject(error) : resolve(at),
    );
  });
  return {
    port: bound,
    calls,
    on: (rpc, behaviour) => void behaviours.set(rpc, behaviour),
    stop: async () => server.forceShutdown(),
  };
}

const name = (method: DescMethod): string => `${method.parent.typeName}/${method.name}`;

function methodDefinition(method: DescMethod): grpc.MethodDefinition<Message, Message> {
  const write = (type: DescMessage) => (value: Message) => Buffer.from(toBinary(type, value));
  const read = (type: DescMessage) => (bytes: Buffer) => fromBinary(type, bytes);
  return {
    path: `/${name(method)}`,
    requestStream: false,
    responseStream: method.methodKind === 'server_streaming',
    requestSerialize: write(method.input),
    requestDeserialize: read(method.input),
    responseSerialize: write(method.output),
    responseDeserialize: read(method.output),
  };
}

function handler(method: DescMethod, calls: SeenCall[], behaviours: Map<string, Behaviour>): grpc.UntypedHandleCall {
  const seen = (
    call: grpc.ServerUnaryCall<Message, Message> | grpc.ServerWritableStream<Message, Message>,
  ): SeenCall => {
    const headers = Object.fromEntries(
      Object.entries(call.metadata.getMap()).map(([key, value]) => [key, String(value)]),
    );
    return {
      rpc: name(method),
      request: toJson(method.input, call.request),
      headers,
      deadline: Number(call.getDeadline()),
    };
  };
  const answer = (call: SeenCall): Reply => {
    calls.push(call);
    return behaviours.get(call.rpc)?.(call) ?? {};
  };
  if (method.methodKind === 'server_streaming')
    return (call: grpc.ServerWritableStream<Message, Message>) => {
      const reply = answer(seen(call));
      if (reply.metadata) call.sendMetadata(metadataOf(reply.metadata));
      for (const response of reply.responses ?? []) call.write(fromJson(method.output, response));
      if (reply.error) call.emit('error', errorOf(reply.error));
      else if (reply.heldUntil) void reply.heldUntil.then(() => call.end());
      else call.end();
    };
  return (call: grpc.ServerUnaryCall<Message, Message>, done: grpc.sendUnaryData<Message>) => {
    const reply = answer(seen(call));
    const respond = (): void => {
      if (reply.metadata) call.sendMetadata(metadataOf(reply.metadata));
      if (reply.error) done(errorOf(reply.error));
      else done(null, fromJson(method.output, reply.response ?? {}));
    };
    if (reply.heldUntil) void reply.heldUntil.then(respond);
    else setTimeout(respond, reply.delayMs ?? 0);
  };
}

function errorOf(error: NonNullable<Reply['error']>): grpc.ServerErrorResponse {
  return Object.assign(new Error(error.message), {
    code: error.code,
    details: error.message,
    metadata: metadataOf(error.metadata ?? {}),
  });
}

function metadataOf(entries: Readonly<Record<string, string | Uint8Array>>): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(entries))
    metadata.set(key, typeof value === 'string' ? value : Buffer.from(value));
  return metadata;
}

/** A method that answers {status: SERVING}, whatever is asked. */
function addServing(server: grpc.Server, path: string): void {
  const bytes = (value: Buffer): Buffer => value;
  const definition = { path, requestStream: false, responseStream: false };
  const codec = {
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  server.addService(
    { call: { ...definition, ...codec } },
    { call: (_: unknown, done: grpc.sendUnaryData<Buffer>) => done(null, Buffer.from([8, 1])) },
  );
}
