import { createHopline, timestampDate } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const code = process.argv[2] ?? 'spring';
for await (const { at, browser } of hop.allClicks({ code })) {
  if (at) console.log(`${timestampDate(at).toISOString()}\t${browser}`);
}
