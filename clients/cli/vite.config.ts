import { defineConfig } from 'vite';

/** One file with all that it needs: it starts fast, and installs nothing else. */
export default defineConfig({
  ssr: { noExternal: true, resolve: { conditions: ['@hopline/source', 'node'] } },
  build: {
    ssr: 'src/main.ts',
    target: 'node20',
    outDir: 'dist',
    rollupOptions: { output: { entryFileNames: 'hop.js' } },
  },
});
