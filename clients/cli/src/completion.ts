import type { Command } from 'commander';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** A command, as completed by a shell. */
interface Entry {
  /** The words that lead to it: "", "keys", "keys create". */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly { readonly long: string; readonly summary: string; readonly takesValue: boolean }[];
}

/** The script for a shell, generated from the commands. */
export function completionFor(program: Command, shell: Shell): string {
  const entries = entriesOf(program, '', program);
  if (shell === 'bash') return bash(entries);
  return shell === 'zsh' ? zsh(entries) : fish(entries);
}

function entriesOf(program: Command, path: string, command: Command): Entry[] {
  const commands = command.commands.map((one) => ({ name: one.name(), summary: one.summary() }));
  if (command === program) commands.push({ name: 'help', summary: 'how a command is used' });
  const all = command === program ? program.options : [...command.options, ...program.options];
  const options = all.map(({ long, description, required }) => ({
    long: long ?? '',
    summary: description,
    takesValue: required,
  }));
  // An alias of a command is completed further; it is not offered besides the main name.
  const below = command.commands.flatMap((one) =>
    [one.name(), ...one.aliases()].flatMap((name) => entriesOf(program, `${path} ${name}`.trim(), one)),
  );
  return [{ path, commands, options }, ...below];
}

const wordsOf = ({ commands, options }: Entry) => [
  ...commands.map(({ name }) => name),
  ...options.map(({ long }) => long),
];

/** Finds the longest path among the words before the cursor, then offers its words. */
function bash(entries: readonly Entry[]): string {
  const cases = entries.map(
    (entry) => `    ${JSON.stringify(entry.path)}) words=${JSON.stringify(wordsOf(entry).join(' '))} ;;`,
  );
  return `# bash completion for hop
_hop() {
  local word path="" words="" index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    case "\${path:+$path }$word" in
      ${pathPattern(entries)}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _hop hop
`;
}

const pathPattern = (entries: readonly Entry[]) =>
  entries
    .filter(({ path }) => path !== '')
    .map(({ path }) => JSON.stringify(path))
    .join('|');

function zsh(entries: readonly Entry[]): string {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const described = (name: string, summary: string) => quote(`${name}:${summary.replaceAll(':', '\\:')}`);
  const cases = entries.map(({ path, commands, options }) => {
    const words = [
      ...commands.map(({ name, summary }) => described(name, summary)),
      ...options.map(({ long, summary }) => described(long, summary)),
    ];
    return `    ${JSON.stringify(path)}) found=(${words.join(' ')}) ;;`;
  });
  return `#compdef hop
_hop() {
  local place="" word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${place:+$place }$word" in
      ${pathPattern(entries)}) place="\${place:+$place }$word" ;;
    esac
  done
  case "$place" in
${cases.join('\n')}
  esac
  _describe 'hop' found || _files
}
# Loaded from fpath it is what completes; sourced it says so.
if [[ "\${funcstack[1]}" == _hop ]]; then _hop "$@"; else compdef _hop hop; fi
`;
}

function fish(entries: readonly Entry[]): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const paths = entries.flatMap(({ path }) => (path === '' ? [] : [quote(path)]));
  const lines = entries.flatMap(({ path, commands, options }) => {
    const here = quote(`test (__hop_path) = "${path}"`);
    return [
      ...commands.map(({ name, summary }) => `complete -c hop -f -n ${here} -a ${name} -d ${quote(summary)}`),
      ...options.map(
        ({ long, summary, takesValue }) =>
          `complete -c hop -n ${here} -l ${long.slice(2)}${takesValue ? ' -r' : ''} -d ${quote(summary)}`,
      ),
    ];
  });
  return `# fish completion for hop
function __hop_path
  set -l path ''
  for word in (commandline -opc)[2..-1]
    switch (string trim "$path $word")
      case ${paths.join(' ')}
        set path (string trim "$path $word")
    end
  end
  echo $path
end
${lines.join('\n')}
`;
}
