import type { Context } from './context.ts';

/** A command's work: its context, then its arguments, then its options. Answers an exit code, or nothing for success. */
// biome-ignore lint/suspicious/noExplicitAny: commander passes what it parsed; each command says what it declared.
type Work = (context: Context, ...args: any[]) => Promise<number | undefined>;

/** Turns a command's work into the function that commander calls. */
export type Run = (work: Work) => (...args: unknown[]) => Promise<void>;
