import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const stats = await hop.analytics.getWorkspaceStats({ interval: 'day', topLinks: 5 });
console.log(`${stats.clicks} clicks by ${stats.visitors} visitors, before that ${stats.previous?.clicks}`);
for (const { code, clicks } of stats.topLinks) console.log(`${code}\t${clicks}`);
