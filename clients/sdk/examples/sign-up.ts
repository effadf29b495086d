import { createHopline } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });

const { user } = await hop.identity.signUp({
  email: process.env.HOP_EMAIL ?? 'ada@example.org',
  password: process.env.HOP_PASSWORD ?? 'a long enough passphrase',
});
// The client is this person now, and renews its tokens by itself.
const link = await hop.links.createLink({ longUrl: 'https://example.org' });
console.log(`${user?.email} made ${link.shortUrl}`);
