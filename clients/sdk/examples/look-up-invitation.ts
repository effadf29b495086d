import { createHopline } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
await hop.identity.logIn({
  email: process.env.HOP_EMAIL ?? 'ada@example.org',
  password: process.env.HOP_PASSWORD ?? 'a long enough passphrase',
});

const { workspace, invitedBy } = await hop.workspaces.lookUpInvitation({ secret: process.argv[2] ?? '' });
console.log(`${invitedBy} invites you to ${workspace?.name} as ${workspace?.role}`);
