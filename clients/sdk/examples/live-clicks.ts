import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const code = process.argv[2] ?? 'spring';
for await (const click of hop.liveClicks({ code }, { onLive: () => console.log('watching') })) {
  console.log(`followed with ${click.browser}`);
  break;
}
