/** A path of google.api.http: literals and variables, with an optional verb at its end (`/v1/urls/{code}:undelete`). */
export interface PathTemplate {
  /** As it stands in the proto. */
  readonly text: string;
  /** A literal, `*` (one segment) or `**` (whatever is left, also nothing). */
  readonly segments: readonly string[];
  /** Without its colon; empty where there is none. */
  readonly verb: string;
  /** The request's fields that the path fills. */
  readonly variables: readonly string[];
}

const variable = /^\{([a-z][a-z0-9_.]*)(?:=(\*\*?))?\}$/;
const literal = /^[A-Za-z0-9._~-]+$/;

export function parsePathTemplate(text: string): PathTemplate {
  if (!text.startsWith('/')) throw new Error(`${text} is not a path: it does not begin with a slash.`);
  const [, path = '', verb = ''] = /^\/(.*?)(?::([A-Za-z]+))?$/.exec(text) ?? [];
  const segments: string[] = [];
  const variables: string[] = [];
  for (const part of path === '' ? [] : path.split('/')) {
    if (segments.at(-1) === '**') throw new Error(`${text}: nothing may follow **.`);
    const [, name, shape = '*'] = variable.exec(part) ?? [];
    if (name !== undefined) variables.push(name);
    else if (part !== '*' && part !== '**' && !literal.test(part))
      throw new Error(`${text}: ${JSON.stringify(part)} is not a segment that routes are made from.`);
    segments.push(name === undefined ? part : shape);
  }
  return { text, segments, verb, variables };
}

export const isExact = (template: PathTemplate): boolean => template.segments.every((segment) => !wild(segment));

/** The path itself, for a template without wildcards. */
export function exactPath(template: PathTemplate): string {
  return `/${template.segments.join('/')}${template.verb && `:${template.verb}`}`;
}

/**
 * An RE2 pattern for the whole path. `segment` is what one wildcard segment may hold; it must not match a slash.
 */
export function pathPattern(template: PathTemplate, segment = '[^/]+'): string {
  const parts = template.segments.map((part) => {
    if (part === '*') return `/${segment}`;
    return part === '**' ? '/.*' : `/${escapeRegex(part)}`;
  });
  return `${parts.join('') || '/'}${template.verb && `:${template.verb}`}`;
}

/** How two templates stand to each other, as sets of paths. */
export function compareTemplates(a: PathTemplate, b: PathTemplate): 'same' | 'apart' | 'narrower' | 'wider' | 'across' {
  if (a.verb !== b.verb) {
    // A wildcard at the end of the one without a verb also takes the other's `name:verb`.
    if (a.verb !== '' && b.verb !== '') return 'apart';
    const relation = compareSegments(a.segments, b.segments);
    if (relation === 'apart' || !wild((a.verb === '' ? a : b).segments.at(-1) ?? '')) return 'apart';
    const expected = a.verb === '' ? 'wider' : 'narrower';
    return relation === 'same' || relation === expected ? expected : 'across';
  }
  return compareSegments(a.segments, b.segments);
}

function compareSegments(a: readonly string[], b: readonly string[]): ReturnType<typeof compareTemplates> {
  let narrower = false;
  let wider = false;
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const left = a[i];
    const right = b[i];
    if (left !== '**' && right !== '**' && (left === undefined || right === undefined)) return 'apart';
    if (left !== right) {
      if (!wild(left ?? '') && !wild(right ?? '')) return 'apart';
      if (left === '**' || (left === '*' && right !== '**')) wider = true;
      else narrower = true;
    }
    if (left === '**' || right === '**') break;
  }
  if (narrower && wider) return 'across';
  if (narrower) return 'narrower';
  return wider ? 'wider' : 'same';
}

const wild = (segment: string): boolean => segment === '*' || segment === '**';

const escapeRegex = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
