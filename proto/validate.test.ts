import type { DescField, DescMessage } from '@bufbuild/protobuf';
import {
  FieldRulesSchema,
  file_buf_validate_validate,
  field as theirOption,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { describe, expect, it } from 'vitest';
import { field as ourOption, file_buf_validate_validate as ours } from '../gen/buf/validate/validate_pb.ts';

/** What decides the bytes of a field: its number, its type and whether it repeats. */
const shape = (field: DescField) => ({
  number: field.number,
  kind: field.fieldKind,
  type:
    field.fieldKind === 'scalar' || field.fieldKind === 'list'
      ? 'scalar' in field
        ? field.scalar
        : undefined
      : field.message?.typeName,
});

const theirs = new Map(file_buf_validate_validate.messages.map((message) => [message.name, message]));

describe.each(ours.messages.map((message): [string, DescMessage] => [message.name, message]))(
  'our part of buf.validate.%s',
  (name, message) => {
    it.each(message.fields.map((field): [string, DescField] => [field.name, field]))(
      'has the number and type of protovalidate for %s',
      (fieldName, field) => {
        const theirField = theirs.get(name)?.fields.find((candidate) => candidate.name === fieldName);
        expect(theirField).toBeDefined();
        expect(shape(field)).toEqual(shape(theirField as DescField));
      },
    );
  },
);

it('extends the same option', () => {
  expect(ourOption.number).toBe(theirOption.number);
  expect(ourOption.message?.typeName).toBe(FieldRulesSchema.typeName);
});
