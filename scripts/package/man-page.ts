/** The manual page lookaside(1), of the same tables as help (man-pages(7), groff_man(7)). */
import {
  type Command,
  OPTION_NAMES,
  type OptionName,
  describeOption,
  optionOf,
  optionsOf,
  variableOf,
} from '../../cli/base/options.ts';
import { COMMANDS } from '../../cli/program.ts';

/** `date` is `YYYY-MM-DD`. Gives the source of the page, for `man` to format. */
export function formatManPage(version: string, date: string): string {
  const names = Object.keys(COMMANDS) as Command[];
  return [
    `.TH LOOKASIDE 1 ${date} "Lookaside ${version}" "User Commands"`,
    // Options are copied: none is cut at the end of a line.
    '.nh',
    '.ad l',
    '.SH NAME',
    String.raw`lookaside \- check, publish and serve OpenPGP signatures of container images`,
    '.SH SYNOPSIS',
    ...names.flatMap(formatSynopsis),
    ...QUESTIONS.flatMap(([name, ...operands]) => [
      [bold(`lookaside ${name}`), ...operands].join(' '),
      '.br',
    ]),
    '.SH DESCRIPTION',
    ...DESCRIPTION,
    '.SH COMMANDS',
    ...names.flatMap(formatCommand),
    '.SH OPTIONS',
    'Each option is for the commands that are named with it.',
    ...OPTION_NAMES.filter((name) => !optionOf(name).isInFileOnly).flatMap(formatOption),
    ...formatTerm(bold('--config') + ' FILE', [CONFIG]),
    ...formatTerm(bold('-h') + ', ' + bold('--help'), ['Print the help of a command.']),
    ...formatTerm(bold('-V') + ', ' + bold('--version'), ['Print the version.']),
    ...END,
    '',
  ].join('\n');
}

/** Commands about the program itself, which take no options. */
const QUESTIONS = [['help', '[COMMAND]'], ['completion', 'bash|zsh|fish'], ['version']] as const;

const DESCRIPTION = [
  'People sign container images with OpenPGP and push the signatures to a git repository. Lookaside checks',
  'each file, and serves the good ones to Podman, CRI-O, Skopeo and Buildah.',
  '.PP',
  'SOURCE is a directory, a git URL (with a scheme, in scp form, or ending in',
  String.raw`.IR .git ),`,
  String.raw`or a git bundle (a file that ends in`,
  String.raw`.IR .bundle ).`,
];

const CONFIG =
  'A YAML file with any of these options, under their names without the dashes, and with the scopes: who may sign which images.';

const END = [
  '.SH ENVIRONMENT',
  'An option on the command line comes before its variable, the variable before the configuration file.',
  ...formatTerm(bold('LOOKASIDE_*'), [
    `Each option: \\-\\-state\\-dir as ${variableOf('state-dir')}.`,
  ]),
  ...formatTerm(bold('NO_COLOR'), ['Print without colours.']),
  '.SH FILES',
  ...formatTerm('.I /etc/lookaside/config.yaml', [
    String.raw`What the service lookaside.service serves, and how. It is read with \-\-config.`,
  ]),
  ...formatTerm('.I /var/lib/lookaside', [
    'The state directory of the service: the clone, the checkpoint of the store, the missing signatures.',
  ]),
  '.SH EXIT STATUS',
  ...formatTerm('0', ['All good.']),
  ...formatTerm('1', ['Faults in the data.']),
  ...formatTerm('2', ['Wrong use, or a failure of the disk, git or the network.']),
  '.SH SEE ALSO',
  '.BR skopeo (1),',
  '.BR podman\\-push (1),',
  '.BR gpg (1),',
  '.BR containers\\-policy.json (5),',
  '.BR containers\\-registries.d (5)',
];

function formatSynopsis(name: Command): readonly string[] {
  const operands = COMMANDS[name].operands.map(([operand]) => toRoff(toOperand(operand)));
  const words = ['[\\fIoptions\\fR]', ...operands.map((operand) => `\\fI${operand}\\fR`)];
  return [`.B lookaside ${toRoff(name)}`, words.join(' '), '.br'];
}

function formatCommand(name: Command): readonly string[] {
  const { summary, operands } = COMMANDS[name];
  const options = optionsOf(name).map((option) => bold(`--${option}`));
  return [
    `.SS ${toRoff(name)}`,
    toRoff(toSentence(summary)),
    ...operands.flatMap(([operand, meaning]) =>
      formatTerm(`.I ${toRoff(toOperand(operand))}`, [toRoff(toSentence(meaning))]),
    ),
    '.PP',
    `Options: ${[...options, bold('--config')].join(', ')}.`,
  ];
}

function formatOption(name: OptionName): readonly string[] {
  const { argument, commands, default: byDefault, repeatable, wording = {} } = optionOf(name);
  const flag = bold(`--${name}`) + (argument === undefined ? '' : ` ${toRoff(argument)}`);
  const common = commands.filter((command) => wording[command] === undefined);
  const own = commands.filter((command) => wording[command] !== undefined);
  const notes = [
    ...(byDefault === undefined || argument === undefined ? [] : [`Default: ${byDefault}.`]),
    ...(repeatable ? ['May be given several times.'] : []),
  ];
  const meanings = [
    ...(common.length > 0 ? [`${toSentence(describeOption(name))} For ${common.join(', ')}.`] : []),
    ...own.map((command) => `With ${command}: ${describeOption(name, command)}.`),
  ];
  return formatTerm(flag, [...meanings, ...notes].map(toRoff));
}

/** A tagged paragraph; both are roff already. */
function formatTerm(tag: string, lines: readonly string[]): readonly string[] {
  return ['.TP', tag, ...lines];
}

function bold(text: string): string {
  return `\\fB${toRoff(text)}\\fR`;
}

/** Text as it is to be read: minus signs that can be copied, and no line that is a request. */
function toRoff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replace(/^(?=[.'])/, '\\&');
}

function toOperand(operand: string): string {
  return operand.replaceAll(/[<>]/g, '');
}

function toSentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
