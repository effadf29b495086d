import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const { apiKeys } = await hop.identity.listApiKeys({});
for (const key of apiKeys) console.log(`${key.prefix}…\t${key.name}\t${key.scopes.join(' ')}`);
