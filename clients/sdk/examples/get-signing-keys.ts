import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

// A JWK set (RFC 7517), for whoever verifies access tokens by themselves.
const { data } = await hop.identity.getSigningKeys({});
const { keys } = JSON.parse(new TextDecoder().decode(data));
console.log(`${keys.length} signing keys`);
