import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const code = process.argv[2] ?? 'spring';
const { etag } = await hop.links.getLink({ code });
// Only the fields that are named change. With the etag, an edit that somebody else made meanwhile is not lost: ETAG_STALE.
const link = await hop.links.updateLink({ code, patch: { longUrl: 'https://example.org/summer-sale', etag } });
console.log(`${link.shortUrl} now leads to ${link.longUrl}`);
