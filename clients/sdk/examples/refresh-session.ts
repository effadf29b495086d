import { createHopline, memoryStore } from '@hopline/client';

// A store of your own keeps the session in a file, a keychain, the browser's storage …
const session = memoryStore();
const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080', session });
await hop.identity.logIn({
  email: process.env.HOP_EMAIL ?? 'ada@example.org',
  password: process.env.HOP_PASSWORD ?? 'a long enough passphrase',
});

// The client does this by itself before a token ends; by hand only to see it done.
const before = await session.read();
await hop.identity.refreshSession({ refreshToken: before?.refreshToken ?? '' });
const after = await session.read();
console.log(before?.token === after?.token ? 'the same token' : 'a new token');
