import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const code = process.argv[2] ?? 'spring';
await hop.links.deleteLink({ code });
console.log(`${code} leads nowhere; it can be restored for 30 days`);
