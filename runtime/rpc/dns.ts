import { lookup } from 'node:dns/promises';

/**
 * All addresses of a name, of one family, because a process may have one of each: IPv4 if there are any, since there may be no listener
 * on the others. Rejects if there are none. A lookup can take long and occupies one of few threads, so callers should not start a second one
 * for the same name before the first has ended.
 */
export async function lookupHost(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true });
  const family = Math.min(...found.map((one) => one.family));
  return found
    .filter((one) => one.family === family)
    .map((one) => one.address)
    .sort();
}
