import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

// One page. Every link, page after page: hop.allLinks (all-links.ts).
const { urls, nextPageToken } = await hop.links.listLinks({ tag: 'spring', pageSize: 10, orderBy: 'updated_at desc' });
for (const link of urls) console.log(`${link.code}\t${link.longUrl}`);
console.log(nextPageToken === '' ? 'That is all.' : 'There are more.');
