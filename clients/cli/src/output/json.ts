import { type DescMessage, type MessageShape, toJsonString } from '@bufbuild/protobuf';

/** A message on one line, exactly as REST answers it: snake_case, with the fields that are empty. */
export const jsonLine = <Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): string =>
  toJsonString(schema, message, { useProtoFieldName: true, alwaysEmitImplicit: true });
