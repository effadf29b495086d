/** Of an answer that nobody may keep. */
export const notStored = 'private, no-store';

/** What a redirect allows browsers to keep, by its status: an answer that may be kept may be wrong for as long. */
export function cacheControlOf(status: number): string {
  return status === 301 || status === 308 ? 'private, max-age=30' : notStored;
}
