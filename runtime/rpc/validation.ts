import type { DescMessage, Message } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';
import { internal, invalidFields, mostViolations } from '../errors/errors.ts';

/** Throws INVALID_ARGUMENT with one violation a field. */
export type RequestCheck = (request: Message) => void;

const validator = createValidator();
/** The number of protovalidate's extension of message, field and oneof options. */
const rulesExtension = 1159;

/**
 * The check of a request by the protovalidate rules in its proto; undefined where it has none, which spares the walk.
 * `bodyField`: the field that REST reads the body into. What is in it goes by the names that it has in the body, as it does
 * where a handler names it.
 */
export function requestCheck(schema: DescMessage, bodyField = ''): RequestCheck | undefined {
  if (!hasRules(schema, new Set())) return undefined;
  const inBody = `${bodyField}.`;
  return (request) => {
    const result = validator.validate(schema, request);
    if (result.kind === 'valid') return;
    if (result.kind === 'error') throw internal(result.error);
    throw invalidFields(
      result.violations
        .slice(0, mostViolations)
        .map(({ field, message }) => ({ field: nameOf(pathToString(field)), description: message })),
    );
  };
  function nameOf(path: string): string {
    return path.startsWith(inBody) ? path.slice(inBody.length) : path;
  }
}

function hasRules(schema: DescMessage, seen: Set<DescMessage>): boolean {
  if (seen.has(schema)) return false;
  seen.add(schema);
  if (hasOption(schema) || schema.oneofs.some(hasOption)) return true;
  return schema.fields.some(
    (field) => hasOption(field) || (field.message !== undefined && hasRules(field.message, seen)),
  );
}

function hasOption(part: { readonly proto: { readonly options?: Message | undefined } }): boolean {
  return part.proto.options?.$unknown?.some(({ no }) => no === rulesExtension) ?? false;
}
