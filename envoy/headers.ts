import type { JsonObject } from './json.ts';

/** A HeaderValueOption that replaces an existing value. */
export function setHeader(key: string, value: string): JsonObject {
  return { header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' };
}

/** A HeaderValueOption for headers that are not set yet. */
export function defaultHeader(key: string, value: string): JsonObject {
  return { header: { key, value }, append_action: 'ADD_IF_ABSENT' };
}

/** For an answer that is valid only now, for one caller. Without it, caches may store 404 and 405. */
export const notStored: JsonObject = defaultHeader('cache-control', 'no-store');
