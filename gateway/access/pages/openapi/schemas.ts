import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import type { Comments } from '#runtime/contract/comments.ts';
import { isRequired, limitsOf } from './limits.ts';
import type { Schema } from './openapi.ts';

/** Requests have few required fields, and refuse unknown ones; in answers, every field that is always present is required. */
type Direction = 'request' | 'answer';

export interface Schemas {
  /** The schema of a whole message: a reference to a component. */
  message(message: DescMessage, direction: Direction): Schema;
  /** The same without some of its fields, inline. */
  messageWithout(message: DescMessage, left: readonly string[], direction: Direction): Schema;
  /** One field as a parameter or a property, with its comment. */
  field(field: DescField, direction: Direction): Schema;
  /** Everything referred to so far, by name. */
  readonly components: Readonly<Record<string, Schema>>;
}

interface State {
  readonly comments: Comments;
  readonly components: Record<string, Schema>;
  /** The message for which each component was written. */
  readonly owners: Map<string, string>;
}

/** Converts the messages of the contract to JSON Schema, as the transcoder reads and prints them. */
export function createSchemas(comments: Comments): Schemas {
  const state: State = { comments, components: {}, owners: new Map() };
  return {
    message: (message, direction) => reference(state, message, direction),
    messageWithout: (message, left, direction) =>
      object(
        state,
        message,
        message.fields.filter(({ name }) => !left.includes(name)),
        direction,
      ),
    field: (field, direction) => property(state, field, direction),
    components: state.components,
  };
}

function reference(state: State, message: DescMessage, direction: Direction): Schema {
  const { components, owners } = state;
  const known = wellKnown[message.typeName];
  if (known) return known;
  if (message.typeName.startsWith('google.'))
    throw new Error(`${message.typeName} has no schema in gateway/access/pages/openapi/schemas.ts.`);
  const owner = `${direction} ${message.typeName}`;
  const taken = owners.get(message.name);
  if (taken !== undefined && taken !== owner)
    throw new Error(`The API's document cannot name ${owner}: ${message.name} is ${taken}.`);
  if (taken === undefined) {
    owners.set(message.name, owner);
    // Registered before it is filled, so that a message may contain itself.
    components[message.name] = {};
    components[message.name] = object(state, message, message.fields, direction);
  }
  return { $ref: `#/components/schemas/${message.name}` };
}

function object(state: State, message: DescMessage, fields: readonly DescField[], direction: Direction): Schema {
  const description = state.comments.get(message.typeName);
  const isThere = (field: DescField) =>
    direction === 'request' ? isRequired(field) : isAlwaysThere(field, state.comments);
  const required = fields.filter(isThere).map(({ name }) => name);
  return {
    type: 'object',
    ...(description ? { description } : {}),
    properties: Object.fromEntries(fields.map((field) => [field.name, property(state, field, direction)])),
    ...(required.length > 0 ? { required } : {}),
    ...(direction === 'request' ? { additionalProperties: false } : {}),
  };
}

function property(state: State, field: DescField, direction: Direction): Schema {
  const limits: Schema = direction === 'request' ? limitsOf(field) : {};
  const description = state.comments.get(`${field.parent.typeName}.${field.name}`);
  const type = typeOf(state, field, direction);
  const items = type.items && limits.items ? { items: { ...type.items, ...limits.items } } : {};
  return { ...type, ...limits, ...items, ...(description ? { description } : {}) };
}

function typeOf(state: State, field: DescField, direction: Direction): Schema {
  const single = (): Schema => {
    if (field.message) return reference(state, field.message, direction);
    if (field.enum) return { type: 'string', enum: field.enum.values.map(({ name }) => name) };
    return scalar(field.scalar ?? ScalarType.STRING);
  };
  if (field.fieldKind === 'list') return { type: 'array', items: single() };
  if (field.fieldKind === 'map') return { type: 'object', additionalProperties: single() };
  return single();
}

/**
 * The transcoder prints every field without presence, empty or not. For messages and optional fields the comment says when they are absent;
 * without such words they are always there.
 */
function isAlwaysThere(field: DescField, comments: Comments): boolean {
  if (field.fieldKind === 'list' || field.fieldKind === 'map') return true;
  if (field.presence === FeatureSet_FieldPresence.IMPLICIT) return true;
  return (
    field.fieldKind === 'message' && !/\babsent\b/i.test(comments.get(`${field.parent.typeName}.${field.name}`) ?? '')
  );
}

/** 64-bit integers are strings in JSON: a JSON number loses digits beyond 2^53. */
function scalar(type: ScalarType): Schema {
  switch (type) {
    case ScalarType.STRING:
      return { type: 'string' };
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.BYTES:
      return { type: 'string', format: 'byte' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number', format: type === ScalarType.DOUBLE ? 'double' : 'float' };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: 'integer', format: 'int32' };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: 'integer', format: 'uint32' };
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return { type: 'string', format: 'uint64', pattern: '^[0-9]+$' };
    default:
      return { type: 'string', format: 'int64', pattern: '^-?[0-9]+$' };
  }
}

const wellKnown: Readonly<Record<string, Schema>> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Duration': { type: 'string', pattern: '^-?[0-9]+(\\.[0-9]{1,9})?s$' },
  'google.protobuf.FieldMask': { type: 'string', pattern: '^[a-z0-9_.]+(,[a-z0-9_.]+)*$' },
  'google.protobuf.Empty': { type: 'object', additionalProperties: false },
};
