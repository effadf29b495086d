import { createHopline } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
await hop.identity.logIn({
  email: process.env.HOP_EMAIL ?? 'ada@example.org',
  password: process.env.HOP_PASSWORD ?? 'a long enough passphrase',
});

// The one that was used before this one.
const { sessions } = await hop.identity.listSessions({});
const other = sessions.find(({ isCurrent }) => !isCurrent);
if (other) await hop.identity.revokeSession({ id: other.id });
console.log(other ? `${other.client || 'unknown'} is signed out` : 'there is no other');
