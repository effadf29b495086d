import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const key = await hop.identity.createApiKey({ name: 'nightly import', scopes: ['links:read', 'links:write'] });
// The secret is shown this once.
console.log(`${key.name}: ${key.secret}`);
