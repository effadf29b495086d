// Reads one HTTP/1.1 answer from the front of what a connection has received.

export interface ParsedAnswer {
  readonly status: number;
  /** The empty text when there is no such header. */
  readonly location: string;
  /** Where the body begins in the text; it ends where the answer does. */
  readonly bodyAt: number;
  /** The length of the whole answer, in bytes. */
  readonly length: number;
}

const HEADERS_END = '\r\n\r\n';

/**
 * The first answer in `text` (latin1: one character per byte); undefined until all of it is there. It has to be what Envoy
 * writes: header names in lower case, a content-length unless there is no body. Throws for anything else.
 */
export function parseAnswer(text: string): ParsedAnswer | undefined {
  const end = text.indexOf(HEADERS_END);
  if (end < 0) return undefined;
  if (!text.startsWith('HTTP/1.1 ')) throw new Error(`not an HTTP/1.1 answer: ${JSON.stringify(text.slice(0, 40))}`);
  const status = Number(text.slice(9, 12));
  const bodyAt = end + HEADERS_END.length;
  const size = headerOf(text, 'content-length', end);
  if (size === '' && status !== 204 && status !== 304) throw new Error('an answer without content-length');
  const length = bodyAt + Number(size);
  if (Number.isNaN(length)) throw new Error(`content-length: ${size}`);
  if (text.length < length) return undefined;
  return { status, location: headerOf(text, 'location', end), bodyAt, length };
}

function headerOf(text: string, name: string, end: number): string {
  const start = text.indexOf(`\r\n${name}: `);
  if (start < 0 || start > end) return '';
  const valueAt = start + name.length + 4;
  return text.slice(valueAt, text.indexOf('\r\n', valueAt));
}
