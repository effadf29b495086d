/** The command line does not make sense, in a way that only the command itself can tell. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
