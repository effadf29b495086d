import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

const root = import.meta.dirname;
const checkout = path.resolve(root, '../..');

/** Served under /app/ by gateway-access; `npm run dashboard` serves the sources, and sends the calls to a mesh that runs. */
export default defineConfig({
  root,
  base: '/app/',
  cacheDir: path.join(checkout, '.local/cache/vite'),
  // The imports of the root package.json, which a bundler looks for beside the nearest one.
  resolve: { alias: { '#gen': path.join(checkout, 'gen/hop'), '#gen-google': path.join(checkout, 'gen/google') } },
  plugins: [precompressed()],
  build: {
    outDir: path.join(process.env.HOP_INSTALL_DIR ?? path.join(checkout, '.local'), 'dashboard'),
    emptyOutDir: true,
    target: 'es2023',
    // Nothing inline: the policy of the pages allows files alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      // React's marks for servers; there is none here.
      onLog: (level, log, tell) => log.code !== 'MODULE_LEVEL_DIRECTIVE' && tell(level, log),
    },
  },
  server: { proxy: { '^/(hop\\.|api/|favicon)': process.env.HOP_URL ?? 'http://localhost:8080' } },
});

/** Writes each file compressed beside it, as small as it gets; what serves them compresses nothing. */
function precompressed(): Plugin {
  return {
    name: 'hop-precompressed',
    apply: 'build',
    writeBundle({ dir = '' }, bundle) {
      for (const name of Object.keys(bundle)) {
        const file = path.join(dir, name);
        const body = readFileSync(file);
        writeFileSync(`${file}.br`, brotliCompressSync(body));
        writeFileSync(`${file}.gz`, gzipSync(body, { level: 9 }));
      }
    },
  };
}
