import { lookup } from 'node:dns/promises';

/**
 * All addresses of a name, of one family, for a process may have one of each: of IPv4 where there are some, for there may be no listener on the
 * others. Rejects when it has none. That can take long, and one of few threads: whoever asks again should wait for the first answer.
 */
export async function lookupHost(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true });
  const family = Math.min(...found.map((one) => one.family));
  return found
    .filter((one) => one.family === family)
    .map((one) => one.address)
    .sort();
}
