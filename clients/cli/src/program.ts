import { Command } from 'commander';
import { accountCommands } from './commands/account.ts';
import { completionCommand } from './commands/completion.ts';
import { createCommand } from './commands/create.ts';
import { domainsCommand } from './commands/domains.ts';
import { editCommand } from './commands/edit.ts';
import { invitationCommands } from './commands/invitations.ts';
import { keysCommand } from './commands/keys.ts';
import { listCommand } from './commands/list.ts';
import { loginCommands } from './commands/login.ts';
import { membersCommand } from './commands/members.ts';
import { openCommand } from './commands/open.ts';
import { qrCommand } from './commands/qr.ts';
import { removeCommands } from './commands/remove.ts';
import { showCommand } from './commands/show.ts';
import { statsCommand } from './commands/stats.ts';
import { statusCommand } from './commands/status.ts';
import { tailCommand } from './commands/tail.ts';
import { workspacesCommand } from './commands/workspaces.ts';
import { exitCodeTexts } from './exit-codes.ts';
import type { Run } from './run.ts';

/** The options that precede every command. */
export interface GlobalOptions {
  readonly url?: string;
  readonly json?: boolean;
  readonly color: boolean;
}

const examplesText = `
Examples:
  hop login --url https://hop.example.org
  hop create https://example.org/spring --alias spring
  hop ls --search spring --json | jq -r .short_url
  hop tail spring`;

const environmentText = `
Environment:
  HOP_URL           the installation, for example https://hop.example.org
  HOP_API_KEY       an API key; wins over what \`hop login\` kept
  HOP_TOKEN         an access token, in its place
  HOP_CONFIG_DIR    where \`hop login\` keeps things
  NO_COLOR          no colours`;

/** The command line as a whole. */
export function programOf(run: Run, version: string): Command {
  const program: Command = new Command('hop')
    // With JSON output, usage errors are reported like every other error.
    .configureOutput({
      writeErr: (text) => void (program.opts<GlobalOptions>().json || process.stderr.write(text)),
      outputError: (text, write) => write(text.replace(/^error: /, 'hop: ')),
    })
    .showHelpAfterError('`hop help <command>` says how it is used.')
    .description('Short links of a Hopline installation.')
    .version(version)
    .option('--url <url>', 'the installation; else HOP_URL, else where you signed in last')
    .option('--json', 'results as JSON, one object on each line')
    .option('--no-color', 'no colours')
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .addHelpText('after', `${examplesText}\n${environmentText}\n\nExit codes:\n${exitCodesText()}`);
  program.commandsGroup('Links:');
  createCommand(program, run);
  listCommand(program, run);
  showCommand(program, run);
  editCommand(program, run);
  removeCommands(program, run);
  qrCommand(program, run);
  openCommand(program, run);
  domainsCommand(program, run);
  program.commandsGroup('Clicks:');
  statsCommand(program, run);
  tailCommand(program, run);
  program.commandsGroup('Signing in:');
  loginCommands(program, run);
  accountCommands(program, run);
  keysCommand(program, run);
  program.commandsGroup('Workspaces:');
  workspacesCommand(program, run);
  membersCommand(program, run);
  invitationCommands(program, run);
  program.commandsGroup('More:');
  statusCommand(program, run);
  completionCommand(program, run);
  program.helpCommand('help [command]', 'how a command is used');
  return program;
}

const exitCodesText = () => exitCodeTexts.map(([code, text]) => `  ${String(code).padStart(3)}  ${text}`).join('\n');
