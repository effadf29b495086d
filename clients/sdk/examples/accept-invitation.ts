import { createHopline, HoplineError } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
await hop.identity.logIn({
  email: process.env.HOP_EMAIL ?? 'ada@example.org',
  password: process.env.HOP_PASSWORD ?? 'a long enough passphrase',
});

try {
  const { id, name, role } = await hop.workspaces.acceptInvitation({ secret: process.argv[2] ?? '' });
  // From now on calls are made in the new workspace.
  await hop.useWorkspace(id);
  console.log(`in ${name} as ${role}`);
} catch (error) {
  if (!(error instanceof HoplineError) || error.reason !== 'INVITATION_NOT_FOUND') throw error;
  console.log('Somebody has accepted it, or it has expired.');
}
