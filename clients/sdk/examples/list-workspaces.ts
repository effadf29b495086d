import { createHopline } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
await hop.identity.logIn({
  email: process.env.HOP_EMAIL ?? 'ada@example.org',
  password: process.env.HOP_PASSWORD ?? 'a long enough passphrase',
});

const { workspaces } = await hop.workspaces.listWorkspaces({});
for (const { name, role } of workspaces) console.log(`${name}, as ${role}`);
