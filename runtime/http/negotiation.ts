/** How a body is encoded; identity is uncompressed. */
export type Encoding = 'br' | 'gzip' | 'identity';

/** Longer headers are treated as absent; no client needs more. */
const longestHeader = 1_024;

/** The best encoding that the client accepts: brotli, then gzip, unless it gives another a higher weight. */
export function pickEncoding(acceptEncoding: string | undefined): Encoding {
  const weights = weightsOf(acceptEncoding);
  const weightOf = (name: string): number => weights.get(name) ?? weights.get('*') ?? 0;
  const br = weightOf('br');
  const gzip = Math.max(weightOf('gzip'), weights.get('x-gzip') ?? 0);
  if (br > 0 && br >= gzip) return 'br';
  return gzip > 0 ? 'gzip' : 'identity';
}

/** Whether the client prefers JSON to a page. A client that accepts anything gets the page. */
export function prefersJson(accept: string | undefined): boolean {
  const weights = weightsOf(accept);
  const weightOf = (name: string, range: string): number => weights.get(name) ?? weights.get(range) ?? 0;
  const json = Math.max(weightOf('application/json', 'application/*'), weights.get('application/problem+json') ?? 0);
  const page = Math.max(weightOf('text/html', 'text/*'), weights.get('application/xhtml+xml') ?? 0);
  return json > 0 && json > page;
}

/** RFC 9110, If-None-Match: a list of tags compared weakly, or `*`. */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (!ifNoneMatch || ifNoneMatch.length > longestHeader) return false;
  return ifNoneMatch.split(',').some((entry) => {
    const tag = entry.trim();
    return tag === '*' || tag === etag || tag === `W/${etag}`;
  });
}

function weightsOf(header: string | undefined): Map<string, number> {
  const weights = new Map<string, number>();
  if (!header || header.length > longestHeader) return weights;
  for (const entry of header.split(',')) {
    const [name = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase());
    if (name) weights.set(name, weightOf(parameters));
  }
  return weights;
}

function weightOf(parameters: readonly string[]): number {
  const quality = parameters.find((parameter) => parameter.startsWith('q='));
  if (quality === undefined) return 1;
  const weight = Number(quality.slice(2));
  return weight >= 0 && weight <= 1 ? weight : 0;
}
