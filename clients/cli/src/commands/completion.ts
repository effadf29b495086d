import type { Command } from 'commander';
import { completionFor, type Shell, shells } from '../completion.ts';
import type { Context } from '../context.ts';
import type { Run } from '../run.ts';
import { UsageError } from '../usage-error.ts';

const manual = `
  bash:  hop completion bash > ~/.local/share/bash-completion/completions/hop
  zsh:   hop completion zsh > "\${fpath[1]}/_hop"
  fish:  hop completion fish > ~/.config/fish/completions/hop.fish`;

export function completionCommand(parent: Command, run: Run): void {
  parent
    .command('completion')
    .argument('<shell>', shells.join(', '))
    .summary('completion for your shell')
    .description('Writes the script that makes your shell complete commands and options.')
    .addHelpText('after', manual)
    .action(
      run(async ({ terminal }: Context, shell: string) => {
        if (!shells.includes(shell as Shell)) throw new UsageError(`There is completion for ${shells.join(', ')}.`);
        terminal.write(completionFor(parent, shell as Shell));
        return undefined;
      }),
    );
}
