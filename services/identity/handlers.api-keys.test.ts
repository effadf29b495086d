import { type Timestamp, timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { testService } from '#runtime/testing/keys.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { scopesOf } from './roles.ts';
import { callerOf, refusal, revoked, signUp, useTestIdentity } from './testing/test-identity.ts';

const identity = useTestIdentity();

describe('API keys', () => {
  it('shows the secret once, verifies it, notes its use to the minute, and revokes it', async () => {
    const caller = callerOf(await signUp(identity));
    const client = identity.client(caller);
    const gateway = identity.client(testService('gateway-access'));
    const made = await client.createApiKey({ name: ' CI ', scopes: ['links:read', 'links:write', 'links:read'] });
    expect(made).toMatchObject({ name: 'CI', scopes: ['links:read', 'links:write'] });
    const { secret = '' } = made;
    expect(secret).toMatch(/^hop_[0-9A-Za-z]{38}$/);
    expect(secret.startsWith(made.prefix)).toBe(true);

    const verified = await gateway.verifyApiKey({ secret });
    expect(verified).toMatchObject({
      apiKeyId: made.id,
      userId: caller.userId,
      workspaceId: caller.workspaceId,
      role: 'owner',
      scopes: ['links:read', 'links:write'],
    });
    const listed = await waitFor(async () => (await client.listApiKeys({})).apiKeys.find((key) => key.lastUsedAt));
    expect(listed).toMatchObject({ id: made.id, prefix: made.prefix });
    expect(listed?.secret).toBeUndefined();
    expect(listed?.lastUsedAt && timestampDate(listed.lastUsedAt).getTime()).toBe(
      identity.clock.now - (identity.clock.now % 60_000),
    );

    const { cursor } = await revoked(identity);
    await client.deleteApiKey({ id: made.id });
    expect((await revoked(identity, cursor)).ids).toEqual([made.id]);
    expect(await refusal(gateway.verifyApiKey({ secret }))).toMatchObject({
      code: Code.Unauthenticated,
      reason: 'CREDENTIALS_INVALID',
    });
    expect((await client.listApiKeys({})).apiKeys).toEqual([]);
    expect(await refusal(client.deleteApiKey({ id: made.id }))).toMatchObject({ reason: 'API_KEY_NOT_FOUND' });
  });

  it('keeps keys out of reach of others', async () => {
    const owner = identity.client(callerOf(await signUp(identity)));
    const other = identity.client(callerOf(await signUp(identity)));
    const { id } = await owner.createApiKey({ name: 'mine', scopes: ['links:read'] });
    for (const wrong of [id, 'not-an-id', '../1'])
      expect(await refusal(other.deleteApiKey({ id: wrong }))).toMatchObject({ reason: 'API_KEY_NOT_FOUND' });
    expect((await other.listApiKeys({})).apiKeys).toEqual([]);
    expect((await owner.listApiKeys({})).apiKeys).toHaveLength(1);
  });

  it('refuses scopes that there are not or that the caller lacks, and an end in the past', async () => {
    const caller = callerOf(await signUp(identity));
    const client = identity.client(caller);
    const past = timestampFromMs(identity.clock.now - 1);
    const call = client.createApiKey({ name: '  ', scopes: ['links:read', 'links:*'], expiresAt: past });
    expect(await refusal(call)).toEqual({
      code: Code.InvalidArgument,
      reason: 'INVALID_ARGUMENT',
      fields: ['scopes[1]', 'name', 'expires_at'],
    });
    const small = identity.client({ ...caller, kind: 'api_key', scopes: ['keys:write', 'links:read'] });
    expect(await refusal(small.createApiKey({ name: 'more', scopes: ['workspace:admin'] }))).toMatchObject({
      code: Code.PermissionDenied,
      reason: 'SCOPE_MISSING',
    });
    const none = identity.client({ ...caller, role: 'viewer', scopes: ['links:read'] });
    expect(await refusal(none.createApiKey({ name: 'no', scopes: ['links:read'] }))).toMatchObject({
      reason: 'ROLE_MISSING',
    });
  });

  it('refuses an end that RFC 3339 cannot write, however it is rounded', async () => {
    const client = identity.client(callerOf(await signUp(identity)));
    const lastSecond = 253_402_300_799n;
    for (const expiresAt of [
      { seconds: lastSecond, nanos: 999_999_999 },
      { seconds: lastSecond + 1n, nanos: 0 },
      { seconds: 1_000_000_000_000n, nanos: 0 },
      { seconds: 9_000_000_000_000_000n, nanos: 0 },
    ]) {
      const call = client.createApiKey({ name: 'late', scopes: ['links:read'], expiresAt });
      expect(await refusal(call)).toMatchObject({ code: Code.InvalidArgument, fields: ['expires_at'] });
    }
    const expiresAt = { seconds: lastSecond, nanos: 999_000_000 };
    const made = await client.createApiKey({ name: 'last', scopes: ['links:read'], expiresAt });
    expect(made.expiresAt).toMatchObject(expiresAt);
  });

  it('refuses a key past its end, and cuts scopes to those of the role now held', async () => {
    const caller = callerOf(await signUp(identity));
    const gateway = identity.client(testService('gateway-access'));
    const expiresAt = timestampFromMs(identity.clock.now + 60_000);
    const { secret = '' } = await identity
      .client(caller)
      .createApiKey({ name: 'k', scopes: [...scopesOf('owner')], expiresAt });
    await identity.pool.query("update identity.memberships set role = 'viewer' where user_id = $1", [caller.userId]);
    const verified = await gateway.verifyApiKey({ secret });
    expect(verified).toMatchObject({ role: 'viewer', scopes: ['links:read', 'stats:read'] });
    identity.clock.now += 60_000;
    expect(await refusal(gateway.verifyApiKey({ secret }))).toMatchObject({ reason: 'CREDENTIALS_EXPIRED' });
  });

  describe('made by another key', () => {
    async function parent(expiresAt?: Timestamp) {
      const caller = callerOf(await signUp(identity));
      const person = identity.client(caller);
      const key = await person.createApiKey({ name: 'parent', scopes: ['keys:write', 'links:read'], expiresAt });
      const asKey = (id: string) =>
        identity.client({ ...caller, kind: 'api_key', credentialId: id, scopes: ['keys:write', 'links:read'] });
      return { person, key, asKey };
    }
    const child = { name: 'child', scopes: ['keys:write', 'links:read'] };

    it('end no later than it', async () => {
      const expiresAt = timestampFromMs(identity.clock.now + 60_000);
      const { key, asKey } = await parent(expiresAt);
      expect((await asKey(key.id).createApiKey(child)).expiresAt).toEqual(expiresAt);
      const later = timestampFromMs(identity.clock.now + 60_001);
      expect(await refusal(asKey(key.id).createApiKey({ ...child, expiresAt: later }))).toMatchObject({
        code: Code.InvalidArgument,
        fields: ['expires_at'],
      });
      const sooner = timestampFromMs(identity.clock.now + 30_000);
      expect((await asKey(key.id).createApiKey({ ...child, expiresAt: sooner })).expiresAt).toEqual(sooner);
    });

    it('are deleted with it, and theirs with them; no other key is', async () => {
      const { person, key, asKey } = await parent();
      const first = await asKey(key.id).createApiKey(child);
      const second = await asKey(first.id).createApiKey(child);
      const other = await person.createApiKey(child);
      const { cursor } = await revoked(identity);
      await person.deleteApiKey({ id: key.id });
      expect((await revoked(identity, cursor)).ids.toSorted()).toEqual([key.id, first.id, second.id].toSorted());
      expect((await person.listApiKeys({})).apiKeys.map(({ id }) => id)).toEqual([other.id]);
      const gateway = identity.client(testService('gateway-access'));
      expect(await refusal(gateway.verifyApiKey({ secret: second.secret ?? '' }))).toMatchObject({
        reason: 'CREDENTIALS_INVALID',
      });
      expect(await refusal(asKey(key.id).createApiKey(child))).toMatchObject({ reason: 'CREDENTIALS_INVALID' });
    });

    it('do not survive it, however many are made while it is deleted', async () => {
      const { person, key, asKey } = await parent();
      const made = Array.from({ length: 20 }, () => asKey(key.id).createApiKey(child));
      await Promise.all([Promise.allSettled(made), person.deleteApiKey({ id: key.id })]);
      expect((await person.listApiKeys({})).apiKeys).toEqual([]);
    });
  });

  it('are verified although their use cannot be noted', async () => {
    const client = identity.client(callerOf(await signUp(identity)));
    const gateway = identity.client(testService('gateway-access'));
    const keys = await Promise.all(['a', 'b'].map((name) => client.createApiKey({ name, scopes: ['links:read'] })));
    const hanging = await identity.pool.connect();
    try {
      await hanging.query('begin');
      await hanging.query('select from identity.api_keys where id = any($1) for update', [keys.map(({ id }) => id)]);
      for (const { id, secret = '' } of keys) expect((await gateway.verifyApiKey({ secret })).apiKeyId).toBe(id);
      expect((await client.listApiKeys({})).apiKeys.map(({ lastUsedAt }) => lastUsedAt)).toEqual([
        undefined,
        undefined,
      ]);
    } finally {
      await hanging.query('rollback');
      hanging.release();
    }
    await waitFor(async () => (await client.listApiKeys({})).apiKeys.every(({ lastUsedAt }) => lastUsedAt));
  });

  it('allows 100 of one person, however many are made at once', async () => {
    const client = identity.client(callerOf(await signUp(identity)));
    const make = (): Promise<unknown> => client.createApiKey({ name: 'k', scopes: ['links:read'] });
    const outcomes = await Promise.allSettled(Array.from({ length: 110 }, make));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
    expect(await refusal(make())).toMatchObject({ code: Code.FailedPrecondition, reason: 'API_KEY_LIMIT_REACHED' });
    expect((await client.listApiKeys({})).apiKeys).toHaveLength(100);
  });
});
