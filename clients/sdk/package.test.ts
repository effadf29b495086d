import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { beforeAll, describe, expect, it } from 'vitest';

const here = fileURLToPath(new URL('.', import.meta.url));

interface Packed {
  readonly files: readonly { readonly path: string }[];
}

let packed: Packed;

// Packing builds first.
beforeAll(() => {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: here, encoding: 'utf8' });
  packed = [JSON.parse(output)].flat()[0] as Packed;
}, 120_000);

it('holds what is built, with types, and nothing else', () => {
  const files = packed.files.map(({ path }) => path);
  expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'dist/src/node.d.ts']));
  const built = /^dist\/(src|gen)\/.*\.(js|d\.ts)$/;
  const other = files.filter((path) => !built.test(path));
  expect(other.toSorted()).toEqual(['LICENSE', 'README.md', 'package.json']);
  expect(files.filter((path) => /test|testing|examples/.test(path))).toEqual([]);
});

it('works as it is built', () => {
  const program = `
    import { createHopline, createResolver, HoplineError } from '@hopline/client';
    import { reasons } from '@hopline/client/reasons';
    const hop = createHopline({ url: 'http://127.0.0.1:1', apiKey: 'hop_x', retries: 0 });
    const error = await hop.links.getLink({ code: 'a' }).catch((error) => error);
    console.log(error instanceof HoplineError, error.reason, typeof createResolver, 'ALIAS_TAKEN' in reasons);`;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: here,
    encoding: 'utf8',
  });
  expect(output.trim()).toBe('true UNREACHABLE function true');
});

it('has types that the examples and the README compile against, in the strictest project, which checks its libraries', () => {
  const tsc = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url));
  const strictest = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--noUncheckedIndexedAccess',
    '--skipLibCheck',
    'false',
  ];
  const checks = [...strictest, '--module', 'nodenext', '--lib', 'es2023,dom,dom.iterable', '--types', 'node'];
  const examples = readdirSync(new URL('examples', import.meta.url)).map((name) => `examples/${name}`);
  // Inside the package, so that it finds it by its name as the examples do.
  const readme = 'dist/readme.ts';
  writeFileSync(path.join(here, readme), codeOfReadme());
  try {
    const { status, stdout } = spawnSync(tsc, ['--ignoreConfig', '--noEmit', ...checks, ...examples, readme], {
      cwd: here,
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([0, '']);
  } finally {
    rmSync(path.join(here, readme));
  }
}, 60_000);

/** All of it in one file, as who reads it from the top would write it down. */
function codeOfReadme(): string {
  const blocks = [...readFileSync(path.join(here, 'README.md'), 'utf8').matchAll(/```ts\n(.*?)```/gs)];
  expect(blocks.length).toBeGreaterThan(2);
  return blocks.map(([, code]) => code).join('\n');
}

describe('the browser entry', () => {
  it('bundles without a part of Node, and stays small', async () => {
    const result = await build({
      root: here,
      configFile: false,
      logLevel: 'silent',
      build: { write: false, minify: true, lib: { entry: 'dist/src/browser.js', formats: ['es'] } },
    });
    const chunks = [result].flat().flatMap((one) => ('output' in one ? one.output : []));
    const code = chunks.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')).join('\n');
    expect(
      chunks.flatMap((chunk) => (chunk.type === 'chunk' ? [...chunk.imports, ...chunk.dynamicImports] : [])),
    ).toEqual([]);
    expect(/["'`]node:|__vite-browser-external|\brequire\(/.exec(code)?.[0]).toBeUndefined();
    expect(code.includes('application/grpc-web')).toBe(true);
    expect(gzipSync(code).length).toBeLessThan(60_000);
  });
});
