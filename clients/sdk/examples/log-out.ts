import { createHopline, HoplineError } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
await hop.identity.logIn({
  email: process.env.HOP_EMAIL ?? 'ada@example.org',
  password: process.env.HOP_PASSWORD ?? 'a long enough passphrase',
});

await hop.identity.logOut({});
const refused = await hop.identity.getCurrentUser({}).catch((error: unknown) => error);
if (refused instanceof HoplineError) console.log(`signed out: ${refused.reason}`);
