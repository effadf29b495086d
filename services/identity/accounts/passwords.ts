import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import { dictionary } from '@zxcvbn-ts/language-common';
import type { Violation } from '#runtime/errors/errors.ts';
import type { HashingQueue } from './hashing-queue.ts';

const shortest = 10;
const longest = 256;

/** OWASP's minimum for Argon2id, which is also the package's default; salt 16 bytes, output 32. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 };
const parametersInHash = '$argon2id$v=19$m=19456,t=2,p=1$';

const commonPasswords: ReadonlySet<string> = new Set(
  dictionary['passwords-common'].filter((password) => password.length >= shortest),
);

export interface PasswordFault extends Violation {
  readonly common: boolean;
}

/** Why a password for this field is unacceptable; undefined: it is acceptable. The email is a text that an attacker also knows. */
export function passwordFault(field: string, password: string, email: string): PasswordFault | undefined {
  const length = codePoints(password);
  if (length < shortest || length > longest) {
    const description = `A password has ${shortest} to ${longest} characters.`;
    return { field, description, common: false };
  }
  const folded = normalised(password).toLowerCase();
  if (commonPasswords.has(folded) || isRunOfDigits(folded) || folded === normalised(email).toLowerCase()) {
    return { field, description: 'This password is too common; choose another.', common: true };
  }
  return undefined;
}

/** 0000000000, 1234567890123, 9876543210: the list has only some of them, since zxcvbn detects them otherwise. */
function isRunOfDigits(text: string): boolean {
  if (!/^\d+$/.test(text)) return false;
  const steps = [...text.slice(1)].map((digit, at) => (Number(digit) - Number(text[at]) + 10) % 10);
  return [0, 1, 9].some((step) => steps.every((each) => each === step));
}

/** The two expensive functions; tests replace them by ones that count. */
export interface Argon2 {
  hash(password: string, options: typeof parameters): Promise<string>;
  verify(hashed: string, password: string): Promise<boolean>;
}

export interface Passwords {
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /** Always computes one hash, whether or not there is one to compare with, so that the time reveals nothing. */
  matches(password: string, hashed: string | undefined, signal?: AbortSignal): Promise<boolean>;
  /** Whether the hash was made with other parameters than the present ones. */
  isDated(hashed: string): boolean;
  /** Whether others wait for a hash. */
  isBusy(): boolean;
}

export async function createPasswords(queue: HashingQueue, argon2: Argon2 = { hash, verify }): Promise<Passwords> {
  // Unknown emails are compared with this; nobody knows its password.
  const dummy = await argon2.hash(randomBytes(32).toString('base64'), parameters);
  return {
    hash: (password, signal) => queue.run(() => argon2.hash(normalised(password), parameters), signal),
    async matches(password, hashed, signal) {
      const same = await queue.run(() => argon2.verify(hashed ?? dummy, normalised(password)), signal);
      return same && hashed !== undefined;
    },
    isDated: (hashed) => !hashed.startsWith(parametersInHash),
    isBusy: () => queue.waiting > 0,
  };
}

// The same keys produce composed characters on one system and decomposed ones on another.
export function normalised(text: string): string {
  return text.normalize('NFKC');
}

function codePoints(text: string): number {
  // A code point has at most two UTF-16 units, so a long text need not be counted.
  if (text.length > 2 * longest) return text.length;
  return [...text].length;
}
