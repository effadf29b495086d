import { expect, it } from 'vitest';
import { isRole, isScope, scopes, scopesOf } from './roles.ts';

it('gives each role its scopes, and an unknown one none', () => {
  expect(scopesOf('owner')).toEqual(scopes);
  expect(scopesOf('admin')).toEqual(scopes);
  expect(scopesOf('member')).not.toContain('workspace:admin');
  expect(scopesOf('viewer')).toEqual(['links:read', 'stats:read']);
  for (const unknown of ['', 'root', 'constructor', '__proto__']) {
    expect(isRole(unknown)).toBe(false);
    expect(scopesOf(unknown)).toEqual([]);
    expect(isScope(unknown)).toBe(false);
  }
});
