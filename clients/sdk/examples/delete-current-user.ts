import { createHopline, HoplineError } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
const currentPassword = process.env.HOP_PASSWORD ?? 'a long enough passphrase';
await hop.identity.logIn({ email: process.env.HOP_EMAIL ?? 'ada@example.org', password: currentPassword });

try {
  // There is no way back: sessions and API keys end, links lead nowhere from now on, clicks are erased.
  await hop.identity.deleteCurrentUser({ currentPassword });
  console.log('the account is gone');
} catch (error) {
  if (!(error instanceof HoplineError) || error.reason !== 'CURRENT_PASSWORD_WRONG') throw error;
  console.log('That is not the current password.');
}
