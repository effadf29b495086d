import { create, createFileRegistry, type Message, setExtension } from '@bufbuild/protobuf';
import type { GenMessage, GenService } from '@bufbuild/protobuf/codegenv2';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  MethodOptions_IdempotencyLevel,
  MethodOptionsSchema,
} from '@bufbuild/protobuf/wkt';
import { AccessSchema, access, Exposure, file_hop_options_v1_access } from '#gen/options/v1/access_pb.ts';

/** A contract with every exposure and every kind of method, made here so that no service's contract is bent for a test. */
const method = (name: string, exposure: Exposure, more: object = {}, rule: object = {}) => {
  // What services ask each other for may be asked again.
  const idempotencyLevel =
    exposure === Exposure.INTERNAL
      ? MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS
      : MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
  const options = create(MethodOptionsSchema, { idempotencyLevel });
  setExtension(options, access, create(AccessSchema, { exposure, ...rule }));
  return { name, inputType: '.hop.test.v1.Text', outputType: '.hop.test.v1.Text', options, ...more };
};

const file = create(FileDescriptorProtoSchema, {
  name: 'hop/test/v1/echo.proto',
  package: 'hop.test.v1',
  syntax: 'proto3',
  dependency: ['hop/options/v1/access.proto'],
  messageType: [
    {
      name: 'Text',
      field: [
        {
          name: 'text',
          jsonName: 'text',
          number: 1,
          type: FieldDescriptorProto_Type.STRING,
          label: FieldDescriptorProto_Label.OPTIONAL,
        },
      ],
    },
  ],
  service: [
    {
      name: 'EchoService',
      method: [
        method('Open', Exposure.EDGE),
        method('Person', Exposure.PUBLIC, {}, { scope: 'links:write' }),
        method('Anonymous', Exposure.PUBLIC, {}, { anonymous: true }),
        method('Internal', Exposure.INTERNAL),
        method('Team', Exposure.INTERNAL, {}, { scope: 'links:resolve', internalListener: true }),
        method('Tail', Exposure.EDGE, { serverStreaming: true }),
        method('Chat', Exposure.EDGE, { serverStreaming: true, clientStreaming: true }),
      ],
    },
  ],
});

const registry = createFileRegistry(
  file,
  (name) =>
    [file_hop_options_v1_access, ...file_hop_options_v1_access.dependencies].find((known) => known.proto.name === name)
      ?.proto,
);

type Text = Message<'hop.test.v1.Text'> & { text: string };
type Method<Kind> = { methodKind: Kind; input: GenMessage<Text>; output: GenMessage<Text> };

export const EchoService = registry.getService('hop.test.v1.EchoService') as unknown as GenService<{
  open: Method<'unary'>;
  person: Method<'unary'>;
  anonymous: Method<'unary'>;
  internal: Method<'unary'>;
  team: Method<'unary'>;
  tail: Method<'server_streaming'>;
  chat: Method<'bidi_streaming'>;
}>;
