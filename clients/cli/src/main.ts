import { HoplineError } from '@hopline/client';
import { CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { explain } from './advice.ts';
import { configFolder } from './config-folder.ts';
import { contextOf } from './context.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { errorLine } from './output/json.ts';
import { type GlobalOptions, programOf } from './program.ts';
import type { Run } from './run.ts';
import { type Terminal, terminalOn } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const { env: variables, stdout, stderr } = process;
const interrupt = new AbortController();

/** The terminal sends Ctrl-C to this process and to its parent, which passes it on: that counts as one. */
const sameMs = 300;
let interruptedAtMs = 0;

// The first Ctrl-C ends the work in progress cleanly, the second at once.
process.on('SIGINT', () => {
  if (!interrupt.signal.aborted) {
    interruptedAtMs = Date.now();
    interrupt.abort();
  } else if (Date.now() - interruptedAtMs > sameMs) process.exit(exitCodes.interrupted);
});

// `hop ls | head`: nobody reads any more, so there is nothing left to do. The same on a full disk, but that is reported.
for (const stream of [stdout, stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.brokenPipe);
    if (stream === stdout) report(error, terminalFor(program.opts<GlobalOptions>()));
    process.exit(exitCodes.failed);
  });

const terminalFor = ({ json = false, color = true }: Partial<GlobalOptions>): Terminal =>
  terminalOn({ json, noColor: !color, variables, stdout, stderr });

/** The installation that the command contacted. */
let asked = '';

const run: Run =
  (work) =>
  async (...args) => {
    const globals = program.opts<GlobalOptions>();
    const terminal = terminalFor(globals);
    const folder = configFolder(variables);
    const context = contextOf({ url: globals.url, terminal, folder, signal: interrupt.signal, variables });
    asked = context.url;
    // commander appends the command itself.
    process.exitCode = (await work(context, ...args.slice(0, -1))) ?? exitCodes.ok;
  };

const program = programOf(run, packageJson.version);
for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)])
  command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error, terminalFor(program.opts<GlobalOptions>()));
}

/** commander has already shown people what is wrong, or the help if there is no command. */
function usageText({ code, message }: CommanderError): string {
  return code === 'commander.help' ? 'There is no command; `hop help` lists them.' : message.replace(/^error: /, '');
}

/** Reports what went wrong, and returns the exit code. */
function report(error: unknown, { note, paint, json }: Terminal): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.ok;
    if (json) note(errorLine({ message: usageText(error) }));
    return exitCodes.usage;
  }
  if (interrupt.signal.aborted) return exitCodes.interrupted;
  if (error instanceof UsageError) {
    note(json ? errorLine(error) : `hop: ${paint.red(error.message)}`);
    return exitCodes.usage;
  }
  if (!(error instanceof HoplineError)) {
    const message = error instanceof Error ? error.message : String(error);
    note(json ? errorLine({ reason: 'INTERNAL', message }) : `hop: ${paint.red(message)}`);
    return exitCodes.failed;
  }
  if (json) note(errorLine(error));
  else {
    const [first = '', ...more] = explain(error, asked);
    note([`hop: ${paint.red(first)}`, ...more].join('\n'));
  }
  return exitCodeOf(error);
}
