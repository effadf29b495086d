import { defineConfig } from 'vite';

/** One self-contained file: it starts fast, and needs nothing else installed. */
export default defineConfig({
  ssr: { noExternal: true, resolve: { conditions: ['@hopline/source', 'node'] } },
  build: {
    ssr: 'src/main.ts',
    target: 'node20',
    outDir: 'dist',
    rollupOptions: { output: { entryFileNames: 'hop.js' } },
  },
});
