import type { DescMessage, Message } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';
import { internal, invalidFields } from '../errors/errors.ts';

/** Throws INVALID_ARGUMENT with one violation per field. */
export type RequestCheck = (request: Message) => void;

const validator = createValidator();
/** No list in the contract may be longer. All items of a longer one would be checked, which stops the process for a second. */
const mostItems = 1_000;
/** The number of protovalidate's extension of message, field and oneof options. */
const rulesExtension = 1159;

/**
 * The check of a request by the protovalidate rules in its proto; undefined if it has none, which saves the walk. `bodyField`: the field
 * that REST reads the body into. Fields in it are named as in the body, which is also how handlers name them.
 */
export function requestCheck(schema: DescMessage, bodyField = ''): RequestCheck | undefined {
  if (!anywhere(schema, hasRules)) return undefined;
  const mayHaveLists = anywhere(schema, hasLists);
  const inBody = `${bodyField}.`;
  return (request) => {
    const list = mayHaveLists ? overlongList(schema, request) : undefined;
    if (list !== undefined) throw invalidFields([{ field: nameOf(list), description: 'has far too many items' }]);
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

/** The path of a list that is far too long. */
function overlongList(schema: DescMessage, message: object, before = ''): string | undefined {
  for (const field of schema.fields) {
    const value = (message as Readonly<Record<string, unknown>>)[field.localName];
    if (typeof value !== 'object' || value === null) continue;
    const path = before + field.name;
    if (Array.isArray(value) && value.length > mostItems) return path;
    const within = field.fieldKind === 'message' ? overlongList(field.message, value, `${path}.`) : undefined;
    if (within !== undefined) return within;
  }
  return undefined;
}

/** Whether it holds for the message, or for any message that can be inside it. */
function anywhere(schema: DescMessage, is: (schema: DescMessage) => boolean, seen = new Set<DescMessage>()): boolean {
  if (seen.has(schema)) return false;
  seen.add(schema);
  return is(schema) || schema.fields.some(({ message }) => message !== undefined && anywhere(message, is, seen));
}

const hasLists = ({ fields }: DescMessage): boolean => fields.some(({ fieldKind }) => fieldKind === 'list');

const hasRules = (schema: DescMessage): boolean => [schema, ...schema.oneofs, ...schema.fields].some(hasOption);

function hasOption(part: { readonly proto: { readonly options?: Message | undefined } }): boolean {
  return part.proto.options?.$unknown?.some(({ no }) => no === rulesExtension) ?? false;
}
