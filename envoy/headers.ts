import type { JsonObject } from './json.ts';

/** A HeaderValueOption: this holds, whatever was said before. */
export function setHeader(key: string, value: string): JsonObject {
  return { header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' };
}

/** A HeaderValueOption: this holds where nothing else was said. */
export function defaultHeader(key: string, value: string): JsonObject {
  return { header: { key, value }, append_action: 'ADD_IF_ABSENT' };
}

/** Of an answer of this moment, for one caller. Caches may keep a 404 and a 405 of which nothing is said. */
export const notStored: JsonObject = defaultHeader('cache-control', 'no-store');
