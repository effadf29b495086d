import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const code = process.argv[2] ?? 'spring';
const stats = await hop.analytics.getLinkStats({ code, interval: 'day', timezone: 'Europe/Zurich' });
console.log(`${stats.clicks} clicks by ${stats.visitors} visitors`);
for (const { value, clicks } of stats.countries) console.log(`${value || 'unknown'}\t${clicks}`);
