import { sign } from 'node:crypto';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { type CallerToken, CallerTokenSchema } from '#gen/identity/v1/caller_pb.ts';
import { testKeys, testPerson, testService } from '../testing/keys.ts';
import { createServiceTokens, createVerifier, mintCaller, verifyCaller } from './token.ts';

const keys = testKeys();
const call = { method: 'hop.link.v1.LinkService/CreateLink', requestId: 'req-1' };
const ofService = { method: call.method, requestId: '' };
const now = 1_800_000_000_000;

describe('caller tokens', () => {
  it('says who is calling', () => {
    const person = testPerson({ kind: 'api_key', scopes: ['links:write'] });
    expect(
      verifyCaller(keys.keyring, mintCaller(keys.identity('gateway-access'), person, call, now), call, now),
    ).toEqual(person);
    const token = mintCaller(keys.identity('resolver'), testService('resolver'), ofService, now);
    expect(verifyCaller(keys.keyring, token, call, now)).toEqual({ kind: 'service', service: 'resolver' });
  });

  it('is good for one call, one request and a short time', () => {
    const token = mintCaller(keys.identity('gateway-access'), testPerson(), call, now);
    const verify = (over: object, at = now): unknown => verifyCaller(keys.keyring, token, { ...call, ...over }, at);
    expect(() => verify({ method: 'hop.link.v1.LinkService/DeleteLink' })).toThrow('another call');
    expect(() => verify({ requestId: 'req-2' })).toThrow('another request');
    expect(() => verify({}, now + 35_000)).toThrow('not valid at this time');
    expect(() => verify({}, now - 5_001)).toThrow('not valid at this time');
    expect(verify({}, now + 34_999)).toBeDefined();
  });

  it('lets nobody but gateway-access speak for persons', () => {
    const token = mintCaller(keys.identity('link'), testPerson(), call, now);
    expect(() => verifyCaller(keys.keyring, token, call, now)).toThrow('may not act for persons');
  });

  it('refuses what was changed, signed by a stranger, or is no token', () => {
    const token = mintCaller(keys.identity('link'), testService('link'), ofService, now);
    const [payload = '', signature = ''] = token.split('.');
    const other = mintCaller(keys.identity('resolver'), testService('resolver'), ofService, now).split('.')[0] ?? '';
    const stranger = mintCaller(testKeys().identity('link'), testService('link'), ofService, now);
    for (const bad of [
      `${other}.${signature}`,
      stranger,
      payload,
      '',
      '.',
      `${token}.x`,
      'a'.repeat(10_000),
      `${payload}.${'A'.repeat(86)}`,
    ]) {
      expect(() => verifyCaller(keys.keyring, bad, call, now)).toThrow();
    }
  });

  it('refuses what a process has signed that speaks for another, or for too long', () => {
    const identity = keys.identity('link');
    const [minted = ''] = mintCaller(identity, testService('link'), ofService, now).split('.');
    const verify = (claims: Partial<CallerToken>): unknown => {
      const token = { ...fromBinary(CallerTokenSchema, Buffer.from(minted, 'base64url')), ...claims };
      const payload = Buffer.from(toBinary(CallerTokenSchema, token)).toString('base64url');
      const signature = sign(null, Buffer.from(`hop-caller-v1.${payload}`), identity.privateKey).toString('base64url');
      return verifyCaller(keys.keyring, `${payload}.${signature}`, call, now);
    };
    expect(verify({ expiresAt: timestampFromMs(now + 120_000) })).toEqual({ kind: 'service', service: 'link' });
    expect(() => verify({ expiresAt: timestampFromMs(now + 120_001) })).toThrow(
      'lifetime of the caller token is too long',
    );
    expect(() => verify({ subject: 'resolver' })).toThrow('only act for itself');
    expect(() => verify({ subject: 'resolver', issuer: 'resolver' })).toThrow('unknown key');
  });

  it('is used again by a process until two thirds of its life are over, and expires all the same', () => {
    const tokenFor = createServiceTokens(keys.identity('link'));
    const verify = createVerifier(keys.keyring);
    const first = tokenFor(call.method, now);
    expect(tokenFor(call.method, now + 39_999)).toBe(first);
    expect(tokenFor(call.method, now + 40_000)).not.toBe(first);
    const afterSetBack = now - 3_600_000;
    expect(verify(tokenFor(call.method, afterSetBack), call, afterSetBack)).toMatchObject({ service: 'link' });
    expect(verify(first, call, now)).toEqual({ kind: 'service', service: 'link' });
    expect(verify(first, call, now)).toEqual({ kind: 'service', service: 'link' });
    expect(() => verify(first, call, now + 65_000)).toThrow('not valid at this time');
    expect(() => verify(first, { ...call, method: 'x/Y' }, now)).toThrow('another call');
  });
});
