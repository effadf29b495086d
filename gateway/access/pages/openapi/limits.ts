import { type DescField, getOption, hasOption } from '@bufbuild/protobuf';
import { type FieldRules, field as rulesOption } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { FieldBehavior, field_behavior } from '#gen-google/api/field_behavior_pb.ts';
import type { Schema } from './openapi.ts';

/** The protovalidate rules of a field as JSON Schema keywords. */
export function limitsOf(field: DescField): Schema {
  const rules = rulesOf(field);
  return rules ? limitsFrom(rules) : {};
}

/** Whether a request must have the field: it is declared required, or a rule refuses the empty value. */
export function isRequired(field: DescField): boolean {
  if (hasOption(field, field_behavior) && getOption(field, field_behavior).includes(FieldBehavior.REQUIRED))
    return true;
  const rules = rulesOf(field);
  if (!rules) return false;
  if (rules.required) return true;
  // An absent optional field is not validated.
  if (field.proto.proto3Optional) return false;
  const { minLength = 0, minItems = 0 } = limitsFrom(rules);
  return minLength > 0 || minItems > 0;
}

const rulesOf = (field: DescField): FieldRules | undefined =>
  hasOption(field, rulesOption) ? getOption(field, rulesOption) : undefined;

function limitsFrom({ type }: FieldRules): Schema {
  switch (type.case) {
    case 'string': {
      const { minLen, maxLen, len, pattern, in: values, wellKnown } = type.value;
      return defined({
        minLength: figure(len) ?? figure(minLen),
        maxLength: figure(len) ?? figure(maxLen),
        pattern: pattern || undefined,
        enum: list(values),
        format: wellKnown.case && wellKnown.value === true ? formats[wellKnown.case] : undefined,
      });
    }
    case 'int32':
    case 'uint32':
    case 'double':
    case 'float': {
      const { greaterThan: low, lessThan: high, in: values } = type.value;
      return defined({
        minimum: low.case === 'gte' ? low.value : undefined,
        exclusiveMinimum: low.case === 'gt' ? low.value : undefined,
        maximum: high.case === 'lte' ? high.value : undefined,
        exclusiveMaximum: high.case === 'lt' ? high.value : undefined,
        enum: list(values),
      });
    }
    case 'repeated': {
      const { minItems, maxItems, unique, items } = type.value;
      const each = items && limitsFrom(items);
      return defined({
        minItems: figure(minItems),
        maxItems: figure(maxItems),
        uniqueItems: unique || undefined,
        items: each && Object.keys(each).length > 0 ? each : undefined,
      });
    }
    default:
      return {};
  }
}

/** JSON Schema's names for protovalidate's well-known formats. */
const formats: Readonly<Record<string, string>> = {
  email: 'email',
  hostname: 'hostname',
  uri: 'uri',
  uriRef: 'uri-reference',
  uuid: 'uuid',
  ipv4: 'ipv4',
  ipv6: 'ipv6',
};

/** protovalidate's default for a number is 0, which limits nothing. */
const figure = (value: bigint): number | undefined => (value === 0n ? undefined : Number(value));

const list = <T>(values: readonly T[]): readonly T[] | undefined => (values.length === 0 ? undefined : values);

function defined(keywords: { [Name in keyof Schema]: Schema[Name] | undefined }): Schema {
  return Object.fromEntries(Object.entries(keywords).filter(([, value]) => value !== undefined));
}
