import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const code = process.argv[2] ?? 'spring';
// The bare stream, which ends after ten minutes and when a connection breaks. hop.liveClicks (live-clicks.ts) goes on.
for await (const { event } of hop.analytics.watchClicks({ code })) {
  if (event.case === 'heartbeat') console.log('watching');
  if (event.case === 'click') {
    console.log(`followed with ${event.value.browser}`);
    break;
  }
}
