// Secrets of a local mesh: made once, kept in .local/secrets (folder 0700, files 0600), never overwritten.
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Layout } from './layout.ts';
import { replaceFile } from './supervisor/pid-files.ts';

/** Kinds of processes that sign calls; the instances of a kind share its key. */
const SIGNERS = ['link', 'resolver', 'identity', 'analytics', 'gateway-access', 'gateway-edge'] as const;
export type Signer = (typeof SIGNERS)[number];

const PASSWORDS = [
  'postgres',
  'hop_link',
  'hop_identity',
  'hop_analytics',
  'hop_resolver',
  'hop_replication',
  'valkey',
] as const;
export type Passwords = Readonly<Record<(typeof PASSWORDS)[number], string>>;

/** The last number of the code space: 62^7 - 1. */
const LAST_CODE_NUMBER = (62n ** 7n - 1n).toString();

export interface Secrets {
  readonly passwords: Passwords;
  readonly callerKeysFile: string;
  readonly codeKeysFile: string;
  readonly jwtKeysFile: string;
  keyFile(signer: Signer): string;
}

/** Reads the secrets of a mesh, making those that do not exist yet. */
export function keepSecrets(layout: Layout): Secrets {
  const file = (name: string): string => path.join(layout.secrets, name);
  const keyFile = (signer: Signer): string => file(`${signer}.key.pem`);
  for (const signer of SIGNERS) makeOnce(keyFile(signer), newSigningKey);
  replaceFile(file('callers.json'), json({ keys: SIGNERS.map((signer) => callerKey(signer, keyFile(signer))) }), 0o600);
  makeOnce(file('codes.json'), newCodeKeys);
  makeOnce(file('jwt.json'), newJwtKeys);
  return {
    passwords: keepPasswords(file('passwords.json')),
    callerKeysFile: file('callers.json'),
    codeKeysFile: file('codes.json'),
    jwtKeysFile: file('jwt.json'),
    keyFile,
  };
}

function makeOnce(file: string, make: () => string): void {
  if (!existsSync(file)) replaceFile(file, make(), 0o600);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function newSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The public half of a signer's key, as the keyring lists it. */
function callerKey(signer: Signer, keyFile: string): { kid: string; issuer: Signer; spki: string } {
  const spki = createPublicKey(readFileSync(keyFile)).export({ type: 'spki', format: 'der' }).toString('base64');
  return { kid: `${signer}-1`, issuer: signer, spki };
}

function newCodeKeys(): string {
  const secret = randomBytes(32).toString('base64');
  return json({ keys: [{ id: 1, secret, from: '0', to: LAST_CODE_NUMBER }] });
}

function newJwtKeys(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = {
    kid: `es256-${randomBytes(6).toString('hex')}`,
    private_pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    created_at: new Date().toISOString(),
  };
  return json({ keys: [key] });
}

/** One password per role; a role that was added later gets its own without touching the others. */
function keepPasswords(file: string): Passwords {
  const known: Partial<Record<string, string>> = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const entries = PASSWORDS.map((name) => [name, known[name] ?? randomBytes(24).toString('base64url')]);
  const passwords = Object.fromEntries(entries) as Passwords;
  if (PASSWORDS.some((name) => known[name] === undefined)) replaceFile(file, json(passwords), 0o600);
  return passwords;
}
