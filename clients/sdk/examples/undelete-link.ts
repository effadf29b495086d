import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const code = process.argv[2] ?? 'spring';
const link = await hop.links.undeleteLink({ code });
console.log(`${link.shortUrl} is ${link.state} again`);
