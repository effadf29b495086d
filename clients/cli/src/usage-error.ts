/** An error in the command line that only the command itself can detect. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
