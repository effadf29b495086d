import { createResolver } from '@hopline/client';

// On the internal listener, for teams; the key needs the scope links:resolve.
const resolver = createResolver({
  url: process.env.HOP_INTERNAL_URL ?? 'http://localhost:8081',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const { longUrl, tier } = await resolver.resolve({ code: process.argv[2] ?? 'spring' });
console.log(`leads to ${longUrl} (from ${tier})`);
