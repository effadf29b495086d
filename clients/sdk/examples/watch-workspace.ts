import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

// Told at once, within a second of each change, and every ten seconds; here only the first.
for await (const { clicks } of hop.analytics.watchWorkspace({})) {
  console.log(`${clicks} clicks today`);
  break;
}
