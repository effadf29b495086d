/** For a response that nobody may store. */
export const notStored = 'private, no-store';

/** What a redirect allows browsers to cache, by its status: for as long a cached response may be out of date. */
export function cacheControlOf(status: number): string {
  return status === 301 || status === 308 ? 'private, max-age=30' : notStored;
}
