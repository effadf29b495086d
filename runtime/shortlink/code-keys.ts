import { readFileSync } from 'node:fs';
import { type CodeKey, codeSpaceSize, createCodeKey } from './code-space.ts';

/**
 * The keys of the code space, in the order of the file; new codes are made with the last one. The file is `{"keys": [{"id": 1, "secret":
 * "<base64>", "from": "0", "to": "3521614606207"}]}`, with the first and the last number of each key's range. Throws when the file is
 * unusable; no message contains the secrets.
 */
export function loadCodeKeys(path: string): readonly CodeKey[] {
  const keys = entriesOf(path).map((entry, index) => codeKey(entry, `key ${index + 1} of ${path}`));
  if (keys.length === 0) throw new Error(`${path} has no code keys.`);
  const sorted = [...keys].sort((a, b) => a.from - b.from);
  for (const [index, key] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next && next.from <= key.to) throw new Error(`The ranges of code keys ${key.id} and ${next.id} overlap.`);
  }
  if (new Set(keys.map(({ id }) => id)).size < keys.length)
    throw new Error(`Two code keys of ${path} have the same id.`);
  return keys;
}

/** The key that new codes are made with. */
export function newestKey(keys: readonly CodeKey[]): CodeKey {
  const key = keys.at(-1);
  if (!key) throw new Error('There are no code keys.');
  return key;
}

function entriesOf(path: string): unknown[] {
  const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
  const keys = typeof content === 'object' && content !== null && 'keys' in content ? content.keys : undefined;
  if (!Array.isArray(keys)) throw new Error(`${path} has no list "keys".`);
  return keys;
}

function codeKey(entry: unknown, place: string): CodeKey {
  const { id, secret, from, to } = Object(entry) as Record<string, unknown>;
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 1)
    throw new Error(`${place}: the id is no positive number.`);
  if (typeof secret !== 'string') throw new Error(`${place}: the secret is no text.`);
  return createCodeKey({
    id,
    secret: Buffer.from(secret, 'base64'),
    from: Number(from ?? 0),
    to: Number(to ?? codeSpaceSize - 1),
  });
}
