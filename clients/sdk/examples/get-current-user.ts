import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const user = await hop.identity.getCurrentUser({});
console.log(`${user.email}, in ${user.workspace?.name} as ${user.workspace?.role}`);
