import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { inject } from 'vitest';

interface Jwt {
  readonly header: Record<string, unknown>;
  readonly payload: Record<string, unknown>;
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export function readJwt(token: string): Jwt {
  const [header = '', payload = ''] = token.split('.');
  const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
  return { header: decode(header), payload: decode(payload) };
}

/** The key that identity itself signs with: what it signs is as good as any, but for what it says. */
export function meshSigningKey(): string {
  const file = JSON.parse(readFileSync(path.join(inject('meshDir'), 'secrets', 'jwt.json'), 'utf8'));
  return file.keys[0].private_pem;
}

export function signJwt({ header, payload }: Jwt, key: string | KeyObject): string {
  const content = `${encode(header)}.${encode(payload)}`;
  const signature = sign('sha256', Buffer.from(content), { key: key as string, dsaEncoding: 'ieee-p1363' });
  return `${content}.${signature.toString('base64url')}`;
}

/** Every way of passing for the holder of `good` that does not need identity's key, by name. */
export function forgedTokens(good: string): Record<string, string> {
  const { header, payload } = readJwt(good);
  const [goodHeader = '', goodPayload = '', goodSignature = ''] = good.split('.');
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ownJwk = own.publicKey.export({ format: 'jwk' });
  const publicKey = createPublicKey(meshSigningKey());
  const keyed = (secret: string | Buffer, alg: string): string => {
    const content = `${encode({ ...header, alg })}.${goodPayload}`;
    return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
  };
  // The last character of the signature has four bits that belong to nobody.
  const [last, others] = [good.slice(-1), 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'];
  const respelled = others[(others.indexOf(last) ^ 1) % others.length] ?? '';
  const more = { ...payload, sub: '00000000-0000-4000-8000-000000000000' };
  return {
    'no token at all': 'nonsense',
    'alg none, no signature': `${encode({ ...header, alg: 'none' })}.${goodPayload}.`,
    'alg NoNe': `${encode({ ...header, alg: 'NoNe' })}.${goodPayload}.${goodSignature}`,
    'HS256 keyed with the public key in PEM': keyed(
      publicKey.export({ format: 'pem', type: 'spki' }) as string,
      'HS256',
    ),
    'HS256 keyed with the public key in DER': keyed(publicKey.export({ format: 'der', type: 'spki' }), 'HS256'),
    'HS256 keyed with the JWK': keyed(JSON.stringify(publicKey.export({ format: 'jwk' })), 'HS256'),
    'HS256 keyed with nothing': keyed('', 'HS256'),
    'a key of one’s own under the real kid': signJwt({ header, payload }, own.privateKey),
    'a key of one’s own in the header': signJwt({ header: { ...header, jwk: ownJwk }, payload }, own.privateKey),
    'a key of one’s own by jku': signJwt(
      { header: { ...header, jku: 'https://example.org/jwks.json' }, payload },
      own.privateKey,
    ),
    'an unknown kid': signJwt({ header: { ...header, kid: '../../jwt.json' }, payload }, own.privateKey),
    'another person under the same signature': `${goodHeader}.${encode(more)}.${goodSignature}`,
    'a signature of zeros': `${goodHeader}.${goodPayload}.${Buffer.alloc(64).toString('base64url')}`,
    'the same signature, spelled otherwise': `${good.slice(0, -1)}${respelled}`,
    'no signature': `${goodHeader}.${goodPayload}.`,
    'two parts': `${goodHeader}.${goodPayload}`,
    'four parts': `${good}.${goodSignature}`,
    'an API key that never was': `hop_${'0'.repeat(38)}`,
  };
}

/** What identity's own key signs and no gateway may take, by name. */
export function outdatedTokens(good: string): Record<string, string> {
  const { header, payload } = readJwt(good);
  const key = meshSigningKey();
  const now = Math.floor(Date.now() / 1_000);
  const signed = (claims: Record<string, unknown>, head: Record<string, unknown> = {}) =>
    signJwt({ header: { ...header, ...head }, payload: { ...payload, ...claims } }, key);
  return {
    expired: signed({ iat: now - 900, exp: now - 60 }),
    'not yet begun': signed({ nbf: now + 600 }),
    'issued in the future': signed({ iat: now + 600, exp: now + 1_200 }),
    'living for a year': signed({ iat: now, exp: now + 31_536_000 }),
    'without an end': signed({ exp: undefined }),
    'of another issuer': signed({ iss: 'https://example.org' }),
    'for another audience': signed({ aud: 'another' }),
    'of another type': signed({}, { typ: 'JWT' }),
    'with a critical header that nobody knows': signed({}, { crit: ['hop'], hop: 1 }),
    'naming nobody': signed({ sub: undefined }),
    'naming a list': signed({ sub: ['a', 'b'] }),
    'without a session': signed({ sid: '' }),
  };
}
