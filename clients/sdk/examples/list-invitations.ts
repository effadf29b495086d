import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const { invitations } = await hop.workspaces.listInvitations({});
for (const { id, name, role } of invitations) console.log(`${id}\t${role}\t${name}`);
