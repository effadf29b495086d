/** Accept headers longer than this are read as if they were absent; no client needs more. */
const longestAccept = 1_024;

/** True where JSON is asked for rather than a page. Who takes anything gets the page. */
export function prefersJson(accept: string | undefined): boolean {
  if (!accept || accept.length > longestAccept) return false;
  let json = 0;
  let page = 0;
  for (const range of accept.toLowerCase().split(',')) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim());
    const weight = weightOf(parameters);
    if (name === 'application/json') json = Math.max(json, weight);
    else if (name === 'text/html' || name === 'application/xhtml+xml') page = Math.max(page, weight);
  }
  return json > page;
}

function weightOf(parameters: readonly string[]): number {
  const quality = parameters.find((parameter) => parameter.startsWith('q='));
  if (quality === undefined) return 1;
  const weight = Number(quality.slice(2));
  return weight >= 0 && weight <= 1 ? weight : 0;
}
