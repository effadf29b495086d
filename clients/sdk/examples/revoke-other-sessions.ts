import { createHopline } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
await hop.identity.logIn({
  email: process.env.HOP_EMAIL ?? 'ada@example.org',
  password: process.env.HOP_PASSWORD ?? 'a long enough passphrase',
});

// Everywhere else: what is not this session is signed out.
const { revokedCount } = await hop.identity.revokeOtherSessions({});
console.log(`${revokedCount} ended`);
