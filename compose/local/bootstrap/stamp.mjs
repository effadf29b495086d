// A stamp is a small JSON file inside what was installed; it holds the hash of what the install was made from.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Hash of the contents and relative names of files and folders; what does not exist counts as absent. */
export function hashOf(base, names, extra = '') {
  const hash = createHash('sha256').update(extra);
  for (const file of names.flatMap((name) => filesUnder(path.join(base, name))).sort()) {
    hash.update(`\0${path.relative(base, file)}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function filesUnder(name) {
  if (!existsSync(name)) return [];
  if (!statSync(name).isDirectory()) return [name];
  return readdirSync(name).flatMap((child) => filesUnder(path.join(name, child)));
}

/** The stamp's content, or undefined when there is none that can be read. */
export function readStamp(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

export function writeStamp(file, content) {
  writeFileSync(`${file}.new`, `${JSON.stringify(content)}\n`);
  renameSync(`${file}.new`, file);
}
