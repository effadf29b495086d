import { createHopline } from '@hopline/client';

const hop = createHopline({ url: process.env.HOP_URL ?? 'http://localhost:8080' });
const email = process.env.HOP_EMAIL ?? 'ada@example.org';
const currentPassword = process.env.HOP_PASSWORD ?? 'a long enough passphrase';
await hop.identity.logIn({ email, password: currentPassword });

// What is left out stays as it is.
const renamed = await hop.identity.updateCurrentUser({ name: 'Ada Lovelace' });
console.log(`${renamed.email} is ${renamed.name}`);

// Another email needs the password.
const moved = await hop.identity.updateCurrentUser({ email: `new.${email}`, currentPassword });
console.log(`signs in as ${moved.email} from now on`);
