import { readFile } from 'node:fs/promises';
import { writeWhole } from '../../atomic-file.ts';

/** Hot links by name with their scores: what a process needs to know from its predecessor. */
export type HotLinks = ReadonlyMap<string, number>;

const format = 1;

/** A missing or unreadable file counts as empty: the set fills up anew. */
export async function readHotLinks(path: string, onUnreadable: (error: unknown) => void): Promise<HotLinks> {
  try {
    const { v, links } = JSON.parse(await readFile(path, 'utf8')) as { v?: unknown; links?: unknown };
    if (v !== format || typeof links !== 'object' || links === null) throw new Error('not a list of hot links');
    return new Map(Object.entries(links).map(([name, score]) => [name, positive(score)]));
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!missing) onUnreadable(error);
    return new Map();
  }
}

/** Records are not saved: they are read from the primary again. */
export function writeHotLinks(path: string, links: HotLinks): Promise<void> {
  return writeWhole(path, JSON.stringify({ v: format, links: Object.fromEntries(links) }));
}

function positive(score: unknown): number {
  if (typeof score !== 'number' || !(score >= 0) || !Number.isFinite(score)) throw new Error('not a score');
  return score;
}
