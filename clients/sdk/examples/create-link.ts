import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const link = await hop.links.createLink({
  longUrl: 'https://example.org/spring-sale',
  title: 'Spring sale',
  tags: ['spring'],
});
console.log(`${link.shortUrl} leads to ${link.longUrl}`);
