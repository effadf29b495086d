import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const { domains } = await hop.links.listDomains({});
for (const { name, isDefault } of domains) console.log(`${name}${isDefault ? ' (the default)' : ''}`);
