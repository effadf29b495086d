import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { completionFor, shells } from './completion.ts';
import { programOf } from './program.ts';

const program = programOf(() => async () => {}, '0.0.0');

it.each(shells)('completion for %s has every command and every option', (shell) => {
  const script = completionFor(program, shell);
  for (const command of program.commands) {
    expect(script).toContain(command.name());
    for (const { long } of command.options) expect(script).toContain(long?.slice(2));
  }
});

/** What bash offers for the word after these. */
function bashOffers(...words: string[]): string[] {
  const line = `COMP_WORDS=(hop ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _hop; echo "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', `${completionFor(program, 'bash')}\n${line}`], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return stdout.trim().split(' ');
}

it('bash completes commands, the commands below, and options', () => {
  expect(bashOffers('cre')).toEqual(['create']);
  expect(bashOffers('keys', '')).toEqual(expect.arrayContaining(['ls', 'create', 'rm']));
  expect(bashOffers('edit', 'spring', '--dis')).toEqual(['--disable']);
  // By another name of the command, too.
  expect(bashOffers('delete', 'spring', '--dom')).toEqual(['--domain']);
});
