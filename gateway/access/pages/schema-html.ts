import { escapeHtml } from '#runtime/http/page.ts';
import { commentHtml, inlineHtml } from './comment-html.ts';
import type { Schema } from './openapi/openapi.ts';

/** A field as a reader sees it. */
interface FieldRow {
  readonly name: string;
  readonly schema: Schema;
  /** Whether it is required. */
  readonly must: boolean;
  /** Whether it may be missing from an answer. */
  readonly may?: boolean;
}

export function fieldsHtml(rows: readonly FieldRow[]): string {
  return `<dl>\n${rows.map(rowHtml).join('\n')}\n</dl>`;
}

/** Every type with its fields, at the anchors that links refer to. */
export function typesHtml(types: readonly (readonly [string, Schema])[]): string {
  return types
    .map(([name, { description = '', properties = {}, required = [] }]) => {
      const rows = Object.entries(properties).map(([field, schema]) => ({
        name: field,
        schema,
        must: false,
        may: !required.includes(field),
      }));
      return `<article id="type-${name}">\n<h3>${name}</h3>\n${commentHtml(description)}\n${fieldsHtml(rows)}\n</article>`;
    })
    .join('\n');
}

/** The type in words, with a link if there is more to say. */
export function typeHtml(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace(/^.*\//, '');
    return `<a href="#type-${name}">${name}</a>`;
  }
  if (schema.const !== undefined) return `always <code>${escapeHtml(String(schema.const))}</code>`;
  if (schema.oneOf) return schema.oneOf.map(typeHtml).join(' or ');
  if (schema.allOf) return schema.allOf.map(typeHtml).join(' and ');
  if (schema.type === 'array') return `list of ${typeHtml(schema.items ?? {})}`;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object')
    return `map of ${typeHtml(schema.additionalProperties)}`;
  return words[schema.format ?? ''] ?? schema.type ?? 'any';
}

const words: Readonly<Record<string, string>> = {
  'date-time': 'time (RFC 3339)',
  int64: 'integer, as a string',
  uint64: 'integer, as a string',
  byte: 'bytes, in base64',
};

function rowHtml({ name, schema, must, may = false }: FieldRow): string {
  const marks = must ? ' <span class="must">required</span>' : '';
  const details = [typeHtml(schema), ...limitsOf(schema).map(escapeHtml), ...(may ? ['may be absent'] : [])].join(', ');
  return `<div><dt><code>${escapeHtml(name)}</code>${marks}<span class="type">${details}</span></dt><dd>${inlineHtml(schema.description ?? '')}</dd></div>`;
}

function limitsOf(schema: Schema): string[] {
  const { items, enum: values } = schema;
  return [
    ...(values ? [`one of ${values.join(', ')}`] : []),
    ...span(schema.minLength, schema.maxLength, 'characters'),
    ...span(schema.minItems, schema.maxItems, 'items'),
    ...span(schema.minimum, schema.maximum, ''),
    ...(items ? limitsOf(items).map((limit) => `each ${limit}`) : []),
  ];
}

function span(low: number | undefined, high: number | undefined, unit: string): string[] {
  const figure = (value: number): string => value.toLocaleString('en-US');
  const text =
    low !== undefined && high !== undefined
      ? `${figure(low)} to ${figure(high)}`
      : high !== undefined
        ? `at most ${figure(high)}`
        : low !== undefined
          ? `at least ${figure(low)}`
          : '';
  return text === '' ? [] : [`${text} ${unit}`.trim()];
}
