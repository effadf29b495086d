import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..');
const documents = globSync('**/*.md', { cwd: root, exclude: ['**/node_modules', '**/.local', '**/dist'] });

const read = (document: string): string => readFileSync(path.join(root, document), 'utf8');

/** Markdown without its blocks of code, in which brackets and # mean something else. */
const prose = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '');

/** Every place that a document leads to, but those on other hosts. */
function linksOf(document: string): string[] {
  const text = prose(read(document));
  const found = [...text.matchAll(/\]\(([^)\s]+)\)/g), ...text.matchAll(/(?:src|srcset|href)="([^"]+)"/g)];
  return found.map((match) => match[1] ?? '').filter((target) => !/^(\w+:|\/)/.test(target));
}

/** What stands behind the # of a link to each heading: as GitHub makes it, a second one of the same words has -1. */
function anchorsOf(document: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of prose(read(document)).matchAll(/^#+ (.+)$/gm)) {
    const words = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-');
    let anchor = words;
    for (let again = 1; anchors.has(anchor); again++) anchor = `${words}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

function leadsSomewhere(document: string, target: string): boolean {
  const [file = '', anchor] = target.split('#');
  const place = file === '' ? document : path.join(path.dirname(document), file);
  if (!existsSync(path.join(root, place))) return false;
  if (anchor === undefined) return true;
  const page = statSync(path.join(root, place)).isDirectory() ? path.join(place, 'README.md') : place;
  return anchorsOf(page).has(anchor);
}

test('every link of a document leads to a file or a heading that there is', () => {
  expect(documents).toContain(path.join('docs', 'decisions', 'README.md'));
  const links = documents.flatMap((document) => linksOf(document).map((target) => ({ document, target })));
  expect(links.length).toBeGreaterThan(200);
  expect(links.filter(({ document, target }) => !leadsSomewhere(document, target))).toEqual([]);
});

test('every decision that is named is there', () => {
  const decisions = globSync('docs/decisions/*.md', { cwd: root }).map((file) => path.basename(file).slice(0, 4));
  const sources = globSync(
    '{proto,runtime,services,gateway,envoy,compose,deploy,clients,tests,loadtests}/**/*.{ts,tsx,mjs,lua,proto,sql,yaml}',
    {
      cwd: root,
      exclude: ['**/node_modules', '**/.local', '**/dist', '**/gen'],
    },
  );
  const named = [...documents, ...sources].flatMap((file) =>
    [...read(file).matchAll(/\bdecisions?[ /](\d{4})\b/gi)].map(([, number = '']) => ({ file, number })),
  );
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter(({ number }) => !decisions.includes(number))).toEqual([]);
});
