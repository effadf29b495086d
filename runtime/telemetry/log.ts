import pino, { type DestinationStream, type Logger } from 'pino';

export type Log = Logger;

interface LogConfig {
  readonly instance: string;
  readonly logLevel: string;
}

/**
 * One JSON object per line on standard output. Errors are logged only by name, message, code and stack: the other fields of a driver's
 * error (Postgres puts whole rows into `detail`) can hold what a person typed.
 */
export function createLog(config: LogConfig, destination: DestinationStream = standardOutput()): Log {
  return pino(
    {
      level: config.logLevel,
      base: { instance: config.instance },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: describeError, error: describeError },
    },
    destination,
  );
}

/** For tests. */
export const silentLog: Log = pino({ level: 'silent' });

/** How long a line waits at most to be written together with others: a separate write costs more than creating the line. */
const gatherMs = 50;
const gatherBytes = 8_192;

/**
 * Written asynchronously: a slow reader of the log must not slow the calls. Pending lines are flushed before a fault ends the process, and
 * at its exit; SIGKILL loses them.
 */
function standardOutput(): DestinationStream & { flushSync(): void } {
  const output = pino.destination({ dest: 1, sync: false, minLength: gatherBytes });
  let isWaiting = false;
  const flush = (): void => {
    isWaiting = false;
    output.flush();
  };
  return {
    write(line) {
      output.write(line);
      if (isWaiting) return;
      isWaiting = true;
      setTimeout(flush, gatherMs).unref();
    },
    // pino calls it after a fatal line.
    flushSync: () => output.flushSync(),
  };
}

export interface ErrorDescription {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
  readonly stack?: string;
  readonly cause?: ErrorDescription;
}

const deepestCause = 5;

export function describeError(error: unknown, depth = 0): ErrorDescription {
  if (!(error instanceof Error)) return { name: typeof error, message: 'something that is no error was thrown' };
  const code =
    'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? error.code : undefined;
  return {
    name: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.cause === undefined || depth >= deepestCause ? {} : { cause: describeError(error.cause, depth + 1) }),
  };
}
