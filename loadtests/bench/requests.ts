// The requests of the benchmark as they go over the wire, each with `{}` for what differs.

/** In flight at once, one on each: enough to keep both cores busy. A signed request costs ten redirects. */
export const CONNECTIONS = { redirects: 32, api: 8 } as const;

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly apiKey: string;
}

const DIGITS = 7;

/** The texts 0000000 … of a link's number. */
export const numbers = (count: number): string[] => Array.from({ length: count }, (_, at) => numberText(at));

const numberText = (number: number): string => String(number).padStart(DIGITS, '0');

/** Where the link of this number leads. */
export const destinationOf = (number: number): string => `https://example.org/landing/${numberText(number)}`;

export const followRequest = (target: Target, host = 'localhost'): string => head(target, 'GET /{}', '', host);

/** The same link, but never out of the edge hot set: that knows paths without a query alone. */
export const coldRequest = (target: Target): string => head(target, 'GET /{}?utm_source=bench');

export const readRequest = (target: Target): string => head(target, 'GET /api/v1/urls/{}', authorization(target));

export function createRequest(target: Target): string {
  const body = `{"long_url":"${destinationOf(0).slice(0, -DIGITS)}{}"}`;
  const length = body.length - '{}'.length + DIGITS;
  const type = `content-type: application/json\r\ncontent-length: ${length}\r\n`;
  return `${head(target, 'POST /api/v1/urls', authorization(target) + type)}${body}`;
}

/** What a browser sends at least; without a user agent a click is a bot's. */
function head({ port }: Target, line: string, more = '', host = 'localhost'): string {
  const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
  return `${line} HTTP/1.1\r\nhost: ${host}:${port}\r\nuser-agent: ${agent}\r\n${more}\r\n`;
}

const authorization = ({ apiKey }: Target): string => `authorization: Bearer ${apiKey}\r\n`;
