import { createHopline, HoplineError } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
const currentPassword = process.env.HOP_PASSWORD ?? 'a long enough passphrase';
await hop.identity.logIn({ email: process.env.HOP_EMAIL ?? 'ada@example.org', password: currentPassword });

try {
  // This session goes on; all others are signed out.
  const { revokedCount } = await hop.identity.changePassword({
    currentPassword,
    newPassword: process.env.HOP_NEW_PASSWORD ?? 'another long enough passphrase',
  });
  console.log(`changed, ${revokedCount} signed out`);
} catch (error) {
  if (!(error instanceof HoplineError) || error.reason !== 'CURRENT_PASSWORD_WRONG') throw error;
  console.log('That is not the current password.');
}
