// Clients that mean harm, from a process of their own.
import { fork } from 'node:child_process';

export const attackNames = [
  'idle',
  'slow-headers',
  'slow-body',
  'unread-answers',
  'rapid-reset',
  'ping-flood',
  'settings-flood',
  'continuation-flood',
  'too-many-streams',
] as const;
export type AttackName = (typeof attackNames)[number];

export interface AttackPlan {
  readonly name: AttackName;
  readonly port: number;
  readonly connections: number;
  readonly durationMs: number;
  /** The connections are opened one after another over so long (default: five thousand a second). */
  readonly openingMs?: number;
}

export interface AttackResult {
  readonly opened: number;
  /** Closed by the other side before the attack was over. */
  readonly closed: number;
  /** From opening to that end, the longest, ms. */
  readonly longestMs: number;
}

/** Runs the attack to its end; rejects when its process fails. */
export function attack(plan: AttackPlan): Promise<AttackResult> {
  const child = fork(new URL('./attack-process.ts', import.meta.url));
  const { promise, resolve, reject } = Promise.withResolvers<AttackResult>();
  child.once('message', (result) => resolve(result as AttackResult));
  child.once('error', reject);
  child.once('exit', (code) => reject(new Error(`The attack ended without a result (${code}).`)));
  child.send(plan);
  return promise;
}
