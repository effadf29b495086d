import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Session, SessionStore } from '@hopline/client';

/** What is stored for an installation: a person's session, or an API key. */
interface Kept {
  readonly session?: Session;
  readonly apiKey?: string;
}

export interface Settings {
  /** The installation of the last sign-in. */
  readonly url: string | undefined;
  setUrl(url: string): void;
  apiKeyOf(url: string): string | undefined;
  keepApiKey(url: string, apiKey: string): void;
  sessionOf(url: string): SessionStore;
  forget(url: string): void;
}

/**
 * Settings in files that only this person can read (0600), in folders with mode 0700 if created here: one file per installation, so that
 * none waits for another.
 */
export function settingsIn(folder: string): Settings {
  const main = path.join(folder, 'config.json');
  const fileOf = (url: string) => path.join(folder, 'installations', `${encodeURIComponent(url)}.json`);
  const kept = (url: string) => (readJson(fileOf(url)) ?? {}) as Kept;
  return {
    get url() {
      return (readJson(main) as { url?: string } | undefined)?.url;
    },
    setUrl: (url) => writePrivate(main, { url }),
    apiKeyOf: (url) => kept(url).apiKey,
    keepApiKey: (url, apiKey) => writePrivate(fileOf(url), { apiKey } satisfies Kept),
    sessionOf: (url) => ({
      read: () => kept(url).session,
      check: () => checkWritable(fileOf(url)),
      write: (session) => {
        if (session) writePrivate(fileOf(url), { session } satisfies Kept);
        else rmSync(fileOf(url), { force: true });
      },
    }),
    forget: (url) => rmSync(fileOf(url), { force: true }),
  };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Absent or damaged: as if nothing had been stored.
    return undefined;
  }
}

/** Throws where `writePrivate` would: a folder that is mounted read-only, a full disk. */
function checkWritable(file: string): void {
  const trial = `${file}.check`;
  try {
    writePrivate(trial, {});
    rmSync(trial);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const folder = path.dirname(file);
    throw new Error(
      `The session has to be renewed, and ${folder} cannot be written (${code ?? message}); scripts use an API key.`,
    );
  }
}

/** Atomic, and never readable by others, not even for a moment. */
function writePrivate(file: string, value: unknown): void {
  const folder = path.dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fresh = `${file}.${randomUUID()}`;
  writeFileSync(fresh, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(fresh, file);
}
