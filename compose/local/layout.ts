import { mkdirSync } from 'node:fs';
import path from 'node:path';

/** The root of the checkout. */
export const checkout = path.resolve(import.meta.dirname, '../..');

/** Where one mesh keeps its state. */
export interface Layout {
  readonly local: string;
  readonly run: string;
  readonly log: string;
  readonly data: string;
  readonly secrets: string;
}

/** The state of a mesh lives in `.local` of the checkout, or in HOP_LOCAL_DIR. */
export function layoutOf(localDir: string = process.env.HOP_LOCAL_DIR ?? path.join(checkout, '.local')): Layout {
  const local = path.resolve(localDir);
  const under = (name: string): string => path.join(local, name);
  return { local, run: under('run'), log: under('log'), data: under('data'), secrets: under('secrets') };
}

export function makeFolders(layout: Layout): void {
  for (const dir of [layout.run, layout.log, layout.data]) mkdirSync(dir, { recursive: true });
  mkdirSync(layout.secrets, { recursive: true, mode: 0o700 });
}
