import type { HoplineError } from '@hopline/client';
import { Code } from '@hopline/client';

/** The exit codes of `hop`. Documented in `hop help` and the README; never changed. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  invalid: 3,
  refused: 4,
  notFound: 5,
  conflict: 6,
  unavailable: 7,
  limited: 8,
  someFailed: 9,
  interrupted: 130,
  brokenPipe: 141,
} as const;

/** The same for people. */
export const exitCodeTexts: readonly (readonly [number, string])[] = [
  [exitCodes.ok, 'done'],
  [exitCodes.failed, 'any other error'],
  [exitCodes.usage, 'the command line is wrong'],
  [exitCodes.invalid, 'the installation refused a value'],
  [exitCodes.refused, 'not signed in, or not allowed'],
  [exitCodes.notFound, 'there is no such link, key or session'],
  [exitCodes.conflict, 'taken, or changed by somebody else meanwhile'],
  [exitCodes.unavailable, 'the installation did not answer, or not in time'],
  [exitCodes.limited, 'too many calls'],
  [exitCodes.someFailed, 'of many, some failed'],
  [exitCodes.interrupted, 'stopped by Ctrl-C'],
  [exitCodes.brokenPipe, 'the output was closed by its reader'],
];

export function exitCodeOf({ code }: HoplineError): number {
  return byCode[code] ?? exitCodes.failed;
}

const byCode: Readonly<Partial<Record<Code, number>>> = {
  [Code.InvalidArgument]: exitCodes.invalid,
  [Code.FailedPrecondition]: exitCodes.invalid,
  [Code.Unauthenticated]: exitCodes.refused,
  [Code.PermissionDenied]: exitCodes.refused,
  [Code.NotFound]: exitCodes.notFound,
  [Code.AlreadyExists]: exitCodes.conflict,
  [Code.Aborted]: exitCodes.conflict,
  [Code.Unavailable]: exitCodes.unavailable,
  [Code.DeadlineExceeded]: exitCodes.unavailable,
  [Code.ResourceExhausted]: exitCodes.limited,
};
