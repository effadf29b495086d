import path from 'node:path';
import { defineConfig } from 'vite';

const root = import.meta.dirname;
const checkout = path.resolve(root, '../..');

/** Served under /app/ by gateway-access; `npm run dashboard` serves the sources, and sends the calls to a mesh that runs. */
export default defineConfig({
  root,
  base: '/app/',
  cacheDir: path.join(checkout, '.local/cache/vite'),
  // The imports of the root package.json, which a bundler looks for beside the nearest one.
  resolve: { alias: { '#gen': path.join(checkout, 'gen/hop'), '#gen-google': path.join(checkout, 'gen/google') } },
  build: {
    outDir: path.join(checkout, '.local/dashboard'),
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
