import { createHopline, HoplineError } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

try {
  await hop.links.createLink({ longUrl: 'https://example.org', alias: process.argv[2] ?? 'spring' });
} catch (error) {
  if (!(error instanceof HoplineError)) throw error;
  // A reason is never renamed, and means one thing; TypeScript knows them all.
  if (error.reason === 'ALIAS_TAKEN') console.log('Somebody was faster: choose another alias.');
  else console.log(`${error.reason}: ${error.message}`);
}
