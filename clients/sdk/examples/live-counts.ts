import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

// Goes on for good, across broken connections; here only the first.
for await (const { clicks, visitors } of hop.liveCounts()) {
  console.log(`${clicks} clicks by ${visitors} visitors today`);
  break;
}
