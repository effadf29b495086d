import { createHopline } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
await hop.identity.logIn({
  email: process.env.HOP_EMAIL ?? 'ada@example.org',
  password: process.env.HOP_PASSWORD ?? 'a long enough passphrase',
});

// A member's sessions in the workspace end, so that the new role holds at once.
const { email, role } = await hop.workspaces.updateMember({ userId: process.argv[2] ?? '', role: 'admin' });
console.log(`${email} is ${role}`);
