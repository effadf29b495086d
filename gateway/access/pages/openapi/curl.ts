import type { Example } from './examples.ts';
import type { Json } from './openapi.ts';

/** The example as a shell command that uses HOP, TOKEN and the other variables. */
export function curlOf(example: Example, needsToken: boolean): string {
  const [verb = 'GET', template = '/'] = example.call.split(' ');
  const parts = [['curl', ...methodOptions(verb, example), quoted(`$HOP${pathOf(template, example)}`)].join(' ')];
  if (needsToken) parts.push(`-H ${quoted('Authorization: Bearer $TOKEN')}`);
  for (const [name, value] of Object.entries(example.headers ?? {})) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (example.body) {
    parts.push(`-H ${quoted('Content-Type: application/json')}`);
    parts.push(`-d ${quoted(written(example.body))}`);
  }
  return parts.join(' \\\n  ');
}

/** The example's values for display: the reader's variables filled in, the others left unchanged. */
export function filledIn(value: Json, variables: Readonly<Record<string, string>>): Json {
  if (typeof value === 'string') return value.replace(variable, (name) => variables[name.slice(1)] ?? name);
  if (Array.isArray(value)) return value.map((item: Json) => filledIn(item, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, filledIn(inner as Json, variables)]));
}

const variable = /\$[A-Z_]+/g;

function methodOptions(verb: string, { body, status }: Example): string[] {
  if (verb === 'HEAD') return ['-I'];
  if (status >= 300) return ['-i'];
  return verb === (body ? 'POST' : 'GET') ? [] : ['-X', verb];
}

function pathOf(template: string, { path = {}, query = {} }: Example): string {
  const filled = template.replaceAll(/\{(\w+)[^}]*\}/g, (_, name: string) => path[name] ?? '');
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return pairs.length > 0 ? `${filled}?${pairs.join('&')}` : filled;
}

const shortLine = 64;

/** One field per line if a single line would be too long to read. */
function written(body: Readonly<Record<string, Json>>): string {
  const line = compact(body);
  if (line.length <= shortLine) return line;
  const fields = Object.entries(body).map(([name, value]) => `    ${JSON.stringify(name)}: ${compact(value)}`);
  return `{\n${fields.join(',\n')}\n  }`;
}

/** JSON on one line, with spaces. */
function compact(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(compact).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}: ${compact(inner as Json)}`);
  return `{${fields.join(', ')}}`;
}

/** Single quotes, unless the shell has to expand a variable. */
function quoted(text: string): string {
  if (!text.match(variable)) return `'${text.replaceAll("'", `'\\''`)}'`;
  // Braces if the next character could be read as part of the name, or as a modifier.
  const marked = text.replaceAll(/\$([A-Z_]+)(?![A-Z_])(?=[\w:[])/g, '$${$1}');
  return `"${marked.replaceAll(/["\\`]/g, '\\$&')}"`;
}
