import { createHopline } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
await hop.identity.logIn({
  email: process.env.HOP_EMAIL ?? 'ada@example.org',
  password: process.env.HOP_PASSWORD ?? 'a long enough passphrase',
});

const { workspaces } = await hop.workspaces.listWorkspaces({});
for (const { id } of workspaces) {
  const { name } = await hop.useWorkspace(id);
  const { urls } = await hop.links.listLinks({ pageSize: 1 });
  console.log(`${name} has ${urls.length === 0 ? 'no links' : 'links'}`);
}
