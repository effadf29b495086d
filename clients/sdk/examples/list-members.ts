import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

const { members } = await hop.workspaces.listMembers({});
for (const { email, role } of members) console.log(`${email}\t${role}`);
