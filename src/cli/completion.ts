/**
 * Scripts for shells that complete commands, options and their values. All of it stands in the script, so that no key press waits for
 * Node.js, and paths are completed by the shell itself; the packages that do this for commander start the program at each press and
 * complete no paths.
 */
import type { Argument, Command, Option } from 'commander';
import type { Parser } from './parsers.js';

export const shells = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof shells)[number];

interface CompletedOption {
  /** `-o` and `--out`, without dashes in front. */
  short?: string;
  long: string;
  description: string;
  takesValue: boolean;
  /** The words that the value may be; none for paths, numbers and text. */
  words: readonly string[];
}

interface CompletedCommand {
  /** `prepare icons`; empty for the program itself. */
  name: string;
  description: string;
  /** Names of its commands. */
  commands: readonly string[];
  /** The words that its arguments may be. */
  words: readonly string[];
  options: readonly CompletedOption[];
}

function wordsOf({ parseArg, argChoices }: Option | Argument): readonly string[] {
  const { known = argChoices ?? [] } = (parseArg ?? {}) as Partial<Parser<unknown>>;
  return known;
}

function completedOption(option: Option): CompletedOption {
  const { short, long, description, required } = option;
  return { short: short?.slice(1), long: long!.slice(2), description, takesValue: required, words: wordsOf(option) };
}

/** What there is to complete, the program itself first. */
function completedCommands(command: Command, name = ''): CompletedCommand[] {
  const help = command.createHelp();
  const options = help.visibleOptions(command).filter(({ long }) => long);
  const nested = command.commands.map((child) => ({ child, path: `${name} ${child.name()}`.trim() }));
  const own = {
    name,
    description: command.description(),
    commands: help.visibleCommands(command).map((child) => child.name()),
    words: command.registeredArguments.flatMap(wordsOf),
    options: options.map(completedOption),
  };
  return [own, ...nested.flatMap(({ child, path }) => completedCommands(child, path))];
}

const flags = ({ short, long }: CompletedOption): string[] => [...(short ? [`-${short}`] : []), `--${long}`];

/** `name` and its commands are plain words, and so are the values: nothing has to be quoted. */
function bash(commands: readonly CompletedCommand[], program: string): string {
  const groups = commands.filter((command) => command.name !== '' && command.commands.length > 0);
  const values = commands.flatMap(({ name, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map((option) => {
        const patterns = flags(option).map((flag) => `'${name} ${flag}'`);
        return `    ${patterns.join('|')}) values='${option.words.join(' ')}' ;;`;
      }),
  );
  const words = commands.map(
    ({ name, commands: children, words: own, options }) =>
      `    '${name}') commands='${[...children, ...own].join(' ')}' options='${options.flatMap(flags).join(' ')}' ;;`,
  );
  return `# Completion of ${program} for bash: add to ~/.bashrc
#   source <(${program} completion bash)
_${program}() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  local command= commands= options= values=none
  # Bash takes --model=res for three words.
  if [[ $current == = ]]; then
    current=
  elif [[ $before == = ]]; then
    before=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  ((COMP_CWORD > 1)) && command=\${COMP_WORDS[1]}
  case $command in
    ${groups.map(({ name }) => name).join('|')}) ((COMP_CWORD > 2)) && command+=" \${COMP_WORDS[2]}" ;;
  esac
  case "$command $before" in
${values.join('\n')}
  esac
  COMPREPLY=()
  if [[ $values != none ]]; then
    COMPREPLY=($(compgen -W "$values" -- "$current"))
    return
  fi
  case $command in
${words.join('\n')}
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$commands" -- "$current"))
  fi
}
complete -o default -F _${program} ${program}
`;
}

/** Zsh runs bash's completions. */
const zsh = (commands: readonly CompletedCommand[], program: string): string =>
  `# Completion of ${program} for zsh: add to ~/.zshrc
#   source <(${program} completion zsh)
autoload -U +X compinit && compinit
autoload -U +X bashcompinit && bashcompinit
${bash(commands, program).split('\n').slice(2).join('\n')}`;

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function fish(commands: readonly CompletedCommand[], program: string): string {
  const lines = commands.flatMap(({ name, commands: children, words: own, options }) => {
    const path = name.split(' ').filter(Boolean);
    const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
    const where = name === '' ? '__fish_use_subcommand' : seen;
    const descriptions = new Map(commands.map((command) => [command.name, command.description]));
    return [
      ...children.map((child) => {
        const none = name === '' ? where : `${seen}; and not __fish_seen_subcommand_from ${children.join(' ')}`;
        const about = descriptions.get([...path, child].join(' ')) ?? '';
        return `complete -c ${program} -f -n ${quoted(none)} -a ${child} -d ${quoted(about)}`;
      }),
      ...own.map((word) => `complete -c ${program} -f -n ${quoted(seen)} -a ${word}`),
      ...options.map(({ short, long, description, takesValue, words }) => {
        const value = words.length > 0 ? ` -x -a ${quoted(words.join(' '))}` : takesValue ? ' -r' : '';
        const letter = short ? ` -s ${short}` : '';
        return `complete -c ${program} -n ${quoted(where)}${letter} -l ${long}${value} -d ${quoted(description)}`;
      }),
    ];
  });
  return `# Completion of ${program} for fish: write to ~/.config/fish/completions/${program}.fish\n${lines.join('\n')}\n`;
}

const scripts: Record<Shell, (commands: readonly CompletedCommand[], program: string) => string> = { bash, zsh, fish };

/** The script of a shell, for all that `program` has. */
export const completionScript = (program: Command, shell: Shell): string =>
  scripts[shell](completedCommands(program), program.name());
