import { createHopline } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
await hop.identity.logIn({
  email: process.env.HOP_EMAIL ?? 'ada@example.org',
  password: process.env.HOP_PASSWORD ?? 'a long enough passphrase',
});

const invitation = await hop.workspaces.createInvitation({ role: 'member', name: 'Charles' });
// The link is shown this once. Nothing is sent: pass it on.
console.log(`for ${invitation.name}: ${invitation.url}`);
