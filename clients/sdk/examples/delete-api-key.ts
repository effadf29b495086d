import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const id = process.argv[2] ?? '';
await hop.identity.deleteApiKey({ id });
console.log(`${id} is refused everywhere within five seconds`);
