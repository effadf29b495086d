import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const code = process.argv[2] ?? 'spring';
// One page, newest first. Every click: hop.allClicks (all-clicks.ts).
const { clicks } = await hop.analytics.listClicks({ code, pageSize: 10 });
for (const click of clicks) console.log(`${click.browser} on ${click.device}`);
