import { expect } from 'vitest';
import { reasons } from '#runtime/errors/reasons.ts';
import { type Answer, fieldsOf } from '../../support/http.ts';

/** The google.rpc.Codes that an HTTP status may come from. */
const codesOf: Readonly<Record<number, readonly number[]>> = {
  400: [3, 9, 11],
  401: [16],
  403: [7],
  404: [5],
  405: [12],
  409: [6, 10],
  410: [9],
  413: [3, 8],
  429: [8],
  431: [3, 8],
  503: [14],
};

/** What no answer may hold: a stack, SQL, an internal host or port, a file path, a proxy's own words. */
const leaks: readonly RegExp[] = [
  /\bat (?:async )?[\w.<>$[\] ]* ?\(?(?:file:|node:|\/)[^)\s]*:\d+:\d+/,
  /\b(?:select|insert into|update|delete from)\b[^"]*\b(?:from|values|set|where)\b/i,
  /\b(?:relation|column|constraint) "|\b(?:syntax error at|duplicate key|violates|pg_|postgres|valkey|redis|ioredis|kafka)\b/i,
  /\b(?:127\.0\.0\.1|\[::1\]|0\.0\.0\.0|10\.\d+\.\d+\.\d+):\d{2,5}\b/,
  /\b(?:ECONN\w+|ENOTFOUND|EPIPE|ETIMEDOUT|ERR_[A-Z_]+)\b/,
  /(?:\/home\/|\/work\/|\/usr\/|\/tmp\/|\/var\/|node_modules|[\w-]+\.ts\b)/,
  /upstream connect error|upstream request|no healthy upstream|transport failure|reset reason|lua|protobuf|grpc-js/i,
  /TypeError|ReferenceError|RangeError|SyntaxError|undefined is not|Cannot read propert/,
];

/** Names in an answer's headers that are the mesh's own. */
const innerHeaders = /^(?:grpc-|x-envoy-|x-status$|x-hop-|server-timing$|x-powered-by$|via$)/;

/** The first leak in a text, or undefined. */
export function leakIn(text: string): string | undefined {
  for (const leak of leaks) {
    const found = leak.exec(text);
    if (found) return found[0];
  }
  return undefined;
}

/** Headers of a REST answer that should not have left the mesh. */
export const innerHeadersOf = (headers: Headers): string[] =>
  [...headers.keys()].filter((name) => innerHeaders.test(name));

interface Detail {
  '@type': string;
  reason?: unknown;
  domain?: unknown;
  metadata?: unknown;
  field_violations?: { field: unknown; description: unknown }[];
}

/** The error body of the API: google.rpc.Status in JSON, with an ErrorInfo, and nothing that is the mesh's own. */
export function expectRefusal(answer: Answer, status: number, reason?: string): void {
  const seen = `${answer.status} ${answer.text.slice(0, 400)}`;
  expect(answer.status, seen).toBe(status);
  expect(answer.headers.get('content-type'), seen).toMatch(/^application\/json/);
  expect(innerHeadersOf(answer.headers), seen).toEqual([]);
  if (status === 401) expect(answer.headers.get('www-authenticate'), seen).toMatch(/^Bearer realm="hopline"/);
  expect(leakIn(answer.text), seen).toBeUndefined();
  expect(Object.keys(answer.json ?? {}).sort(), seen).toEqual(['code', 'details', 'message']);
  expect(codesOf[status], seen).toContain(answer.json.code);
  expect(answer.json.message, seen).toMatch(/\S/);
  const details: Detail[] = answer.json.details;
  const info = details.filter((detail) => detail['@type'] === 'type.googleapis.com/google.rpc.ErrorInfo');
  expect(info.length, seen).toBe(1);
  expect(info[0], seen).toMatchObject({ domain: 'hopline', metadata: expect.any(Object) });
  expect(Object.keys(reasons), seen).toContain(info[0]?.reason);
  if (reason !== undefined) expect(info[0]?.reason, seen).toBe(reason);
  for (const { field_violations: violations = [] } of details) {
    for (const violation of violations) {
      expect(violation, seen).toEqual({ field: expect.stringMatching(/\S/), description: expect.stringMatching(/\S/) });
    }
  }
}

/** A 400 whose BadRequest names the field. */
export function expectBad(answer: Answer, field: string): void {
  expectRefusal(answer, 400);
  expect(fieldsOf(answer), answer.text).toContain(field);
}
