import { type DescMessage, type MessageShape, toJsonString } from '@bufbuild/protobuf';
import type { HoplineError } from '@hopline/client';

/** A message on one line, exactly as in REST: snake_case, with empty fields included. */
export const jsonLine = <Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): string =>
  toJsonString(schema, message, { useProtoFieldName: true, alwaysEmitImplicit: true });

/** An error on one line, for programs; `about` says which of several inputs it concerns: a line number, a code. */
export const errorLine = (
  { reason, message, fields }: Pick<HoplineError, 'message'> & Partial<Pick<HoplineError, 'reason' | 'fields'>>,
  about: Readonly<Record<string, unknown>> = {},
): string =>
  JSON.stringify({ error: { ...about, reason: reason ?? 'INVALID_ARGUMENT', message, fields: fields ?? [] } });
