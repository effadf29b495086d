import { type DescMessage, isMessage, type Message } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { createValidator } from '@bufbuild/protovalidate';
import { internal, invalidFields, type Violation } from '../errors/errors.ts';

/** Throws INVALID_ARGUMENT with one violation per field. */
export type RequestCheck = (request: Message) => void;

const validator = createValidator();
/** No list in the contract may be longer. All items of a longer one would be checked, which stops the process for a second. */
const mostItems = 1_000;
/** No text with rules may be longer, in UTF-16 units. To count the letters of a longer one stops the process for up to 65 ms. */
const longestText = 65_536;
/** What RFC 3339 can express, and so all that a Timestamp may hold. The transcoder knows this limit; a gRPC client can send anything. */
const firstSecond = BigInt(Date.parse('0001-01-01T00:00:00Z') / 1_000);
const lastSecond = BigInt(Date.parse('9999-12-31T23:59:59Z') / 1_000);
const nanosPerSecond = 1_000_000_000;
/** The number of protovalidate's extension of message, field and oneof options. */
const rulesExtension = 1159;

/**
 * The check of a request by the protovalidate rules in its proto, and of its times; undefined if it has neither, which saves the walk.
 * `bodyField`: the field that REST reads the body into. Fields in it are named as in the body, which is also how handlers name them.
 */
export function requestCheck(schema: DescMessage, bodyField = ''): RequestCheck | undefined {
  if (!anywhere(schema, isTimestamp) && !anywhere(schema, hasRules)) return undefined;
  const inBody = `${bodyField}.`;
  return (request) => {
    const malformed = malformedField(schema, request);
    if (malformed) throw invalidFields([{ ...malformed, field: nameOf(malformed.field) }]);
    const result = validator.validate(schema, request);
    if (result.kind === 'valid') return;
    if (result.kind === 'error') throw internal(result.error);
    throw invalidFields(
      result.violations.map(({ field, message }) => ({ field: nameOf(pathToString(field)), description: message })),
    );
  };
  function nameOf(path: string): string {
    return path.startsWith(inBody) ? path.slice(inBody.length) : path;
  }
}

/** The first list or text that is far too long, or time that is none. */
function malformedField(schema: DescMessage, message: object, before = ''): Violation | undefined {
  for (const field of schema.fields) {
    const value = (message as Readonly<Record<string, unknown>>)[field.localName];
    const path = before + field.name;
    if (Array.isArray(value) && value.length > mostItems) return { field: path, description: 'has far too many items' };
    if ((isTooLong(value) || (Array.isArray(value) && value.some(isTooLong))) && hasOption(field))
      return { field: path, description: 'has far too many characters' };
    if (typeof value !== 'object' || value === null) continue;
    if (isMessage(value, TimestampSchema) && !isTime(value))
      return { field: path, description: 'must be a time from the year 1 to 9999, with nanos from 0 to 999,999,999' };
    const within = field.fieldKind === 'message' ? malformedField(field.message, value, `${path}.`) : undefined;
    if (within !== undefined) return within;
  }
  return undefined;
}

const isTooLong = (value: unknown): boolean => typeof value === 'string' && value.length > longestText;

const isTime = ({ seconds, nanos }: Timestamp): boolean =>
  firstSecond <= seconds && seconds <= lastSecond && 0 <= nanos && nanos < nanosPerSecond;

/** Whether it holds for the message, or for any message that can be inside it. */
function anywhere(schema: DescMessage, is: (schema: DescMessage) => boolean, seen = new Set<DescMessage>()): boolean {
  if (seen.has(schema)) return false;
  seen.add(schema);
  return is(schema) || schema.fields.some(({ message }) => message !== undefined && anywhere(message, is, seen));
}

const isTimestamp = ({ typeName }: DescMessage): boolean => typeName === TimestampSchema.typeName;

const hasRules = (schema: DescMessage): boolean => [schema, ...schema.oneofs, ...schema.fields].some(hasOption);

function hasOption(part: { readonly proto: { readonly options?: Message | undefined } }): boolean {
  return part.proto.options?.$unknown?.some(({ no }) => no === rulesExtension) ?? false;
}
