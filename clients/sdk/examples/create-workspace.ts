import { createHopline } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
await hop.identity.logIn({
  email: process.env.HOP_EMAIL ?? 'ada@example.org',
  password: process.env.HOP_PASSWORD ?? 'a long enough passphrase',
});

const { id } = await hop.workspaces.createWorkspace({ name: 'Analytical Engines' });
const { name, role } = await hop.useWorkspace(id);
console.log(`in ${name} as ${role}`);
