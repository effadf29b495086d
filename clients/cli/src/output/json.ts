import { type DescMessage, type MessageShape, toJsonString } from '@bufbuild/protobuf';
import type { HoplineError } from '@hopline/client';

/** A message on one line, exactly as REST answers it: snake_case, with the fields that are empty. */
export const jsonLine = <Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): string =>
  toJsonString(schema, message, { useProtoFieldName: true, alwaysEmitImplicit: true });

/** An error on one line, for programs; `about` says what it is about, where there are many: a line of the input, a code. */
export const errorLine = (
  { reason, message, fields }: Pick<HoplineError, 'message'> & Partial<Pick<HoplineError, 'reason' | 'fields'>>,
  about: Readonly<Record<string, unknown>> = {},
): string =>
  JSON.stringify({ error: { ...about, reason: reason ?? 'INVALID_ARGUMENT', message, fields: fields ?? [] } });
