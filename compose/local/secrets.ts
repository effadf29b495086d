// Secrets of a local mesh: created once, stored in .local/secrets (folder 0700, files 0600), changed only on request.
import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
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
/** The superuser's has to be changed in Postgres first, with the old one. */
const ROTATABLE_PASSWORDS = PASSWORDS.filter((name) => name !== 'postgres');
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

/** Changes to existing secrets; docs/runbook.md describes the steps. */
export interface SecretChanges {
  /** Whose signing key or password is replaced. The public half of the previous key stays in the keyring. */
  readonly rotate?: string | undefined;
  /** For whom the keyring is to keep only the present key. */
  readonly retire?: string | undefined;
}

/** Reads the secrets of a mesh, creating missing ones. Throws on a change of an unknown name. */
export function keepSecrets(layout: Layout, { rotate, retire }: SecretChanges = {}): Secrets {
  const file = (name: string): string => path.join(layout.secrets, name);
  const keyFile = (signer: Signer): string => file(`${signer}.key.pem`);
  oneOf(rotate, [...SIGNERS, ...ROTATABLE_PASSWORDS]);
  oneOf(retire, SIGNERS);
  for (const signer of SIGNERS) {
    if (signer === rotate) replaceFile(keyFile(signer), newSigningKey(), 0o600);
    else makeOnce(keyFile(signer), newSigningKey);
  }
  const present = SIGNERS.map((signer) => callerKey(signer, keyFile(signer)));
  keepKeyring(file('callers.json'), present, retire);
  makeOnce(file('codes.json'), newCodeKeys);
  makeOnce(file('jwt.json'), newJwtKeys);
  return {
    passwords: keepPasswords(file('passwords.json'), rotate),
    callerKeysFile: file('callers.json'),
    codeKeysFile: file('codes.json'),
    jwtKeysFile: file('jwt.json'),
    keyFile,
  };
}

function oneOf(name: string | undefined, names: readonly string[]): void {
  if (name !== undefined && !names.includes(name)) throw new Error(`${name} is none of ${names.join(', ')}.`);
}

function makeOnce(file: string, make: () => string): void {
  if (!existsSync(file)) replaceFile(file, make(), 0o600);
}

/** People edit these files. Throws with the name of an unreadable one, and nothing of its content. */
function readJson<Content>(file: string): Content {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const what = error instanceof SyntaxError ? 'It is no JSON; is there a comma too many, or too few?' : `${error}`;
    throw new Error(`${file} cannot be read. ${what}`);
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function newSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

interface CallerKey {
  readonly kid: string;
  readonly issuer: string;
  readonly spki: string;
}

/** The public half of a signer's key, as in the keyring. Its id is derived from it, so that no other key ever has that id. */
function callerKey(signer: Signer, keyFile: string): CallerKey {
  const spki = createPublicKey(readFileSync(keyFile)).export({ type: 'spki', format: 'der' });
  const fingerprint = createHash('sha256').update(spki).digest('hex').slice(0, 12);
  return { kid: `${signer}-${fingerprint}`, issuer: signer, spki: spki.toString('base64') };
}

/** Adds missing keys; others stay, such as one that its signer has yet to receive, or no longer has. */
function keepKeyring(file: string, present: readonly CallerKey[], retire: string | undefined): void {
  const known: readonly CallerKey[] = existsSync(file) ? readJson<{ keys: CallerKey[] }>(file).keys : [];
  const isPresent = ({ spki }: CallerKey): boolean => present.some((key) => key.spki === spki);
  const kept = known.filter((key) => key.issuer !== retire || isPresent(key));
  const missing = present.filter(({ spki }) => !kept.some((key) => key.spki === spki));
  if (missing.length > 0 || kept.length < known.length) replaceFile(file, json({ keys: [...kept, ...missing] }), 0o600);
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

/** One password per role; a new role gets its own without affecting the others. */
function keepPasswords(file: string, rotate: string | undefined): Passwords {
  const known: Partial<Record<string, string>> = existsSync(file) ? readJson(file) : {};
  if (rotate !== undefined) delete known[rotate];
  const entries = PASSWORDS.map((name) => [name, known[name] ?? randomBytes(24).toString('base64url')]);
  const passwords = Object.fromEntries(entries) as Passwords;
  if (PASSWORDS.some((name) => known[name] === undefined)) replaceFile(file, json(passwords), 0o600);
  return passwords;
}
