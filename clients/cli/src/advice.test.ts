import { Code, HoplineError } from '@hopline/client';
import { expect, it } from 'vitest';
import { refusal } from '../../sdk/testing/scripted.ts';
import { explain } from './advice.ts';

const url = 'http://hop.example';

it('each fault once, by the field that it is of', () => {
  const alias = { field: 'patch.alias', description: 'is a reserved word' };
  const title = { field: 'patch.title', description: 'is too long' };
  expect(explain(refused('patch.alias: is a reserved word', [alias]), url)).toEqual(['alias: is a reserved word']);
  expect(explain(refused('patch.alias: is a reserved word; patch.title: is too long', [alias, title]), url)).toEqual([
    'alias: is a reserved word',
    '  title: is too long',
  ]);
  expect(explain(refused('The current password is wrong.', [alias]), url)).toEqual([
    'The current password is wrong.',
    '  alias: is a reserved word',
  ]);
});

it('to whom is not signed in, and of an address where there is no such call, what a person can do', () => {
  const signedOut = new HoplineError(refusal(Code.Unauthenticated, 'CREDENTIALS_MISSING'));
  expect(explain(signedOut, url)).toEqual([`You are not signed in to ${url}.`, expect.stringContaining('hop login')]);
  const elsewhere = new HoplineError(refusal(Code.Unimplemented));
  expect(explain(elsewhere, url).at(-1)).toContain('without a path');
});

function refused(message: string, fields: HoplineError['fields']): HoplineError {
  return Object.assign(new HoplineError(refusal(Code.InvalidArgument, 'INVALID_ARGUMENT')), { message, fields });
}
