// Completion for shells, made from the same table as help. The scripts are complete in themselves:
// a key press starts no program. (@bomb.sh/tab, the one living library for commander 14, starts it at
// every key press and completes no files; omelette and tabtab know no commander.)
import type { Argument, Command, Option } from 'commander';
import { type Command as CommandName, OPTION_NAMES, optionOf, valuesOf } from './base/options.ts';

/** What a value can be: one of some words, a path, or what no shell can know. */
type Value = readonly string[] | 'files' | 'directories' | 'anything';

/** The script for `bash`, `zsh` or `fish`. */
export function formatCompletion(shell: string, program: Command): string {
  switch (shell) {
    case 'zsh':
      return formatZsh(program);
    case 'fish':
      return formatFish(program);
    default:
      return formatBash(program);
  }
}

/** Those of its help. */
function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command);
}

/** Undefined for an option that is given or not. */
function valueOfOption(option: Option, command: Command): Value | undefined {
  if (!option.required) return undefined;
  const name = OPTION_NAMES.find((known) => `--${known}` === option.long);
  if (name === undefined) return 'files';
  const words = valuesOf(name, command.name() as CommandName);
  if (words) return words;
  const { isPath, argument = '' } = optionOf(name);
  if (!isPath) return 'anything';
  return /^(?:DIR|ROOT)$/.test(argument) ? 'directories' : 'files';
}

function valueOfOperand(operand: Argument): Value {
  return operand.argChoices ?? (/SOURCE|FILE/.test(operand.name()) ? 'files' : 'anything');
}

function formatBash(program: Command): string {
  const commands = program.commands.map((command) => command.name());
  return `# Completion of lookaside for bash: source <(lookaside completion bash)
_lookaside() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command='' words='' at word
  # Of --option=value, readline makes three words.
  if [[ $cur == '=' ]]; then
    cur=
  elif [[ $prev == '=' ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    if [[ \${COMP_WORDS[at]} != -* ]]; then
      command=\${COMP_WORDS[at]}
      break
    fi
  done
  COMPREPLY=()
  # What is not completed here is a file, unless said otherwise.
  case "$command $prev" in
${program.commands.flatMap(bashValues).join('\n')}
    *)
      case "$command $cur" in
        ' -'*) words='${toWords(program)}' ;;
        ' '*) words='${commands.join(' ')}' ;;
${program.commands.map((command) => `        '${command.name()} -'*) words='${toWords(command)}' ;;`).join('\n')}
${program.commands.flatMap(bashOperands).join('\n')}
      esac
      ;;
  esac
  case $words in
    '') return ;;
    /) compopt -o dirnames +o default 2>/dev/null ;;
    -) compopt +o default 2>/dev/null ;;
    *)
      compopt +o default 2>/dev/null
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$words" -- "$cur")
      ;;
  esac
}
complete -o default -F _lookaside lookaside
`;
}

function toWords(command: Command): string {
  return optionsOf(command)
    .flatMap(({ long, short }) => [short, long])
    .filter((form) => form !== undefined)
    .join(' ');
}

/** What the script calls a kind of value: nothing for files, a slash for directories. */
function toBash(value: Value): string {
  switch (value) {
    case 'files':
      return '';
    case 'directories':
      return '/';
    case 'anything':
      return '-';
    default:
      return value.join(' ');
  }
}

function bashValues(command: Command): readonly string[] {
  return optionsOf(command).flatMap((option) => {
    const value = valueOfOption(option, command);
    if (value === undefined) return [];
    return [`    '${command.name()} ${option.long}') words='${toBash(value)}' ;;`];
  });
}

/** Where operands differ, files are offered for all of them. */
function bashOperands(command: Command): readonly string[] {
  const values = command.registeredArguments.map(valueOfOperand);
  if (values.includes('files')) return [];
  return [`        '${command.name()} '*) words='${toBash(values[0] ?? 'anything')}' ;;`];
}

function formatZsh(program: Command): string {
  const commands = program.commands.map((command) =>
    zshQuote(`${command.name()}:${command.description()}`),
  );
  return `#compdef lookaside
# Completion of lookaside for zsh: source <(lookaside completion zsh), behind compinit; or a file
# _lookaside in a directory of $fpath.
_lookaside() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C ${zshOptions(program).join(' ')} '1:command:->command' '*::operand:->operand'
  case $state in
    command)
      local -a commands=(
        ${commands.join('\n        ')}
      )
      _describe command commands
      ;;
    operand)
      case $words[1] in
${program.commands.map(zshCommand).join('\n')}
      esac
      ;;
  esac
}
if [[ $funcstack[1] == _lookaside ]]; then
  _lookaside "$@"
else
  compdef _lookaside lookaside
fi
`;
}

function zshCommand(command: Command): string {
  const operands = command.registeredArguments.map((operand, at) => {
    const place = operand.variadic ? '*' : `${at + 1}`;
    return zshQuote(`${place}:${operand.name()}:${zshAction(valueOfOperand(operand))}`);
  });
  const words = [...zshOptions(command), ...operands].map((word) => `          ${word}`);
  return `        ${command.name()})
          _arguments \\
  ${words.join(' \\\n  ')}
          ;;`;
}

function zshOptions(command: Command): readonly string[] {
  return optionsOf(command).flatMap((option) => {
    const { long = '', short, description } = option;
    const text = `[${description.replaceAll(/[[\]\\]/g, String.raw`\$&`)}]`;
    const value = valueOfOption(option, command);
    const repeated = option.parseArg ? '*' : '';
    if (value === undefined) {
      const forms = short === undefined ? [long] : [short, long];
      return forms.map((form) => zshQuote(`(${forms.join(' ')})${form}${text}`));
    }
    const metavar = long.replace(/^-+/, '');
    return [zshQuote(`${repeated}${long}=${text}:${metavar}:${zshAction(value)}`)];
  });
}

function zshAction(value: Value): string {
  switch (value) {
    case 'files':
      return '_files';
    case 'directories':
      return '_path_files -/';
    case 'anything':
      return '';
    default:
      return `(${value.join(' ')})`;
  }
}

function zshQuote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function formatFish(program: Command): string {
  const names = program.commands.map(
    (command) =>
      `complete -c lookaside -n __lookaside_is -a ${command.name()} -d ${fishQuote(command.description())}`,
  );
  return `# Completion of lookaside for fish: lookaside completion fish | source
# Whether the command is one of these; without them, whether there is none yet.
function __lookaside_is
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        string match -q -- '-*' $word; and continue
        contains -- $word $argv
        return
    end
    test (count $argv) -eq 0
end
complete -c lookaside -f
${names.join('\n')}
${fishOptions(program, '').join('\n')}
${program.commands.flatMap(fishCommand).join('\n')}
`;
}

function fishCommand(command: Command): readonly string[] {
  const operands = command.registeredArguments.map(valueOfOperand);
  const where = `complete -c lookaside -n '__lookaside_is ${command.name()}'`;
  const words = operands.flatMap((value) => (typeof value === 'string' ? [] : value));
  return [
    ...(operands.includes('files') ? [`${where} -F`] : []),
    ...(words.length > 0 ? [`${where} -a '${words.join(' ')}'`] : []),
    ...fishOptions(command, command.name()),
  ];
}

function fishOptions(command: Command, name: string): readonly string[] {
  return optionsOf(command).map((option) => {
    const { long = '', short, description } = option;
    const forms = short === undefined ? '' : ` -s ${short.slice(1)}`;
    const value = fishValue(valueOfOption(option, command));
    const where = `-n ${fishQuote(`__lookaside_is ${name}`.trim())}`;
    return `complete -c lookaside ${where}${forms} -l ${long.slice(2)}${value} -d ${fishQuote(description)}`;
  });
}

function fishValue(value: Value | undefined): string {
  switch (value) {
    case undefined:
      return '';
    case 'files':
      return ' -r -F';
    case 'directories':
      return " -x -a '(__fish_complete_directories (commandline -ct))'";
    case 'anything':
      return ' -x';
    default:
      return ` -x -a '${value.join(' ')}'`;
  }
}

function fishQuote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`;
}
