import { createHopline, HoplineError } from '@hopline/client';

const [, , id = 'the id of a workspace'] = process.argv;
const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
const currentPassword = process.env.HOP_PASSWORD ?? 'a long enough passphrase';
await hop.identity.logIn({ email: process.env.HOP_EMAIL ?? 'ada@example.org', password: currentPassword });

try {
  // There is no way back, for any member: sessions and API keys end, links lead nowhere from now on, clicks are erased.
  await hop.workspaces.deleteWorkspace({ id, currentPassword });
  console.log('the workspace is gone');
} catch (error) {
  if (!(error instanceof HoplineError) || error.reason !== 'OWNER_ONLY') throw error;
  console.log('An owner has to do this.');
}
