import { expect, it } from 'vitest';
import { call } from '../support/http.ts';
import { operate } from '../support/operator.ts';
import { newPerson } from '../support/people.ts';

it('lets somebody who has forgotten the password sign in with the one that an operator issues', async () => {
  const { email, password } = await newPerson();
  const output = await operate('new-password', '--email', email.toUpperCase());
  const issued = /^New password: (\S+)$/m.exec(output)?.[1] ?? expect.fail(output);
  expect(output.split(issued)).toHaveLength(2);
  const statuses = [password, issued].map(async (tried) => {
    const { status } = await call('/api/auth/login', { body: { email, password: tried } });
    return status;
  });
  expect(await Promise.all(statuses)).toEqual([401, 200]);
});
