import { createHash } from 'node:crypto';
import { invalid } from '#runtime/errors/errors.ts';
import type { Idempotency } from '../store.ts';

const printable = /^[\x20-\x7e]{1,255}$/;

/**
 * The idempotency of a call, or undefined when it has no key. `asked` is the request in canonical form: values that mean the same are
 * spelled the same.
 */
export function idempotencyOf(key: string | undefined, asked: readonly unknown[]): Idempotency | undefined {
  if (key === undefined) return undefined;
  if (!printable.test(key)) {
    throw invalid('idempotency-key', 'must be 1 to 255 printable ASCII characters', 'IDEMPOTENCY_KEY_INVALID');
  }
  return { key, requestHash: createHash('sha256').update(JSON.stringify(asked)).digest() };
}
