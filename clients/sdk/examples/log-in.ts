import { createHopline, HoplineError } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });

try {
  const { user } = await hop.identity.logIn({
    email: process.env.HOP_EMAIL ?? 'ada@example.org',
    password: process.env.HOP_PASSWORD ?? 'a long enough passphrase',
  });
  console.log(`signed in as ${user?.email}`);
} catch (error) {
  if (!(error instanceof HoplineError) || error.reason !== 'LOGIN_FAILED') throw error;
  console.log('The email or the password is wrong.');
}
