// The command line: flags in, the right command run, an exit code out.
import { Argument, Command, CommanderError, Option } from 'commander';
import { UsageError } from './base/usage-error.ts';
import {
  type Command as CommandName,
  OPTION_NAMES,
  type OptionName,
  type Settings,
  describeOption,
  optionOf,
  optionsOf,
  variableOf,
} from './base/options.ts';
import { readSettings } from './base/read-settings.ts';
import { readVersion } from './base/read-version.ts';
import { write, withoutColour, type ProcessIo } from './base/process-io.ts';
import { suggest } from '../generator/terms/text.ts';

export interface CommandForm {
  readonly summary: string;
  /** What the command works on: names in help, and what each is. */
  readonly operands: readonly (readonly [name: string, description: string])[];
  readonly run: (
    operands: readonly string[],
    settings: Settings,
    io: ProcessIo,
    /** The options that the command line has, by name. */
    flags: ReadonlySet<string>,
  ) => Promise<number>;
}

const WHAT_SOURCE_IS =
  'a directory, a git URL (with a scheme, in scp form, or ending in .git), or a file ending in .bundle';

type RunOnSource = (source: string, settings: Settings, io: ProcessIo) => Promise<number>;

const onSource = (summary: string, run: RunOnSource): CommandForm => ({
  summary,
  operands: [['<SOURCE>', WHAT_SOURCE_IS]],
  run: async ([source = ''], settings, io) => run(source, settings, io),
});

/** Each command loads its modules when it runs: those of `serve` take longer to load than a short check runs. */
export const COMMANDS: Record<CommandName, CommandForm> = {
  check: onSource('check every file and report which can be published', async (...operands) => {
    const { check } = await import('./check/check.ts');
    return check(...operands);
  }),
  generate: onSource('check, then write the signatures as static files', async (...operands) => {
    const { generate } = await import('./generate.ts');
    return generate(...operands);
  }),
  serve: {
    summary: 'check, serve, and follow pushes',
    operands: [['[SOURCE]', `${WHAT_SOURCE_IS}; default: source of the configuration file`]],
    run: async ([source], settings, io) => {
      const { serve } = await import('./serve/serve.ts');
      return serve(source ?? settings.source, settings, io);
    },
  },
  health: {
    summary: 'ask a running server whether it is ready',
    operands: [['[URL]', 'the server; default: the one of this host, by --listen and --tls-cert']],
    run: async ([url], settings, io) => {
      const { health } = await import('./health.ts');
      return health(url, settings, io);
    },
  },
  show: {
    summary: 'print what signature files say',
    operands: [['<FILE...>', 'a signature file; - for standard input']],
    run: async (files, settings, io) => {
      const { show } = await import('./show.ts');
      return show(files, settings, io);
    },
  },
  keys: onSource(
    'say of each key how long it is good, and which images need it',
    async (...operands) => {
      const { keys } = await import('./keys/keys.ts');
      return keys(...operands);
    },
  ),
  push: {
    summary: 'push signatures that skopeo and podman made to the signature repository',
    operands: [
      ['<PATH...>', 'a staging directory, dir:COPY for a copy of an image, or a signature file'],
    ],
    run: async (paths, settings, io) => {
      const { push } = await import('./push/push.ts');
      return push(paths, settings, io);
    },
  },
  sign: {
    summary: 'sign images with gpg, and push the signatures to the signature repository',
    operands: [['[IMAGE...]', 'an image as nodes pull it, for example quay.io/team/app:v1']],
    run: async (images, settings, io) => {
      const { sign } = await import('./sign/sign.ts');
      return sign(images, settings, io);
    },
  },
  promote: {
    summary: 'sign what others have signed at one stage for the next one',
    operands: [
      [
        '[IMAGE...]',
        'an image as nodes of the stage pull it; with * in it, all that are signed there and fit',
      ],
    ],
    run: async (images, settings, io) => {
      const { promote } = await import('./promote/promote.ts');
      return promote(images, settings, io);
    },
  },
  mirror: {
    summary: 'bring the signatures of an upstream store to the signature repository',
    operands: [],
    run: async (_operands, settings, io) => {
      const { mirror } = await import('./mirror/mirror.ts');
      return mirror(settings, io);
    },
  },
  'mirror-images': {
    summary: "copy a vendor's images, and sign them under the names that they have here",
    operands: [],
    run: async (_operands, settings, io) => {
      const { mirrorImages } = await import('./mirror-images/mirror-images.ts');
      return mirrorImages(settings, io);
    },
  },
  'node-config': {
    summary: 'write the files that nodes need, or compare them with what nodes have',
    operands: [],
    run: async (_operands, settings, io, flags) => {
      const { nodeConfig } = await import('./node-config/node-config.ts');
      return nodeConfig(settings, io, flags);
    },
  },
  explain: {
    summary: 'say whether nodes would accept an image, and if not, why',
    operands: [
      ['<IMAGE>', 'the image as nodes pull it, for example quay.io/team/app:v1'],
      ['[SOURCE]', `${WHAT_SOURCE_IS}; or give --server`],
    ],
    run: async ([image = '', source], settings, io, flags) => {
      const { explain } = await import('./explain/explain.ts');
      return explain(image, source, settings, io, flags);
    },
  },
  resolve: {
    summary: 'say which digest of an image is signed, and pin images to it',
    operands: [
      [
        '[IMAGE|SOURCE...]',
        `images, for example quay.io/team/app:v1, and behind them SOURCE: ${WHAT_SOURCE_IS}; or give --server. With --write and --check, SOURCE and further files`,
      ],
    ],
    run: async (operands, settings, io, flags) => {
      const { resolve } = await import('./resolve/resolve.ts');
      return resolve(operands, settings, io, flags);
    },
  },
  init: {
    summary: 'make a signature repository, or add what one lacks',
    operands: [['<DIR>', 'a directory, which may be a git repository already']],
    run: async ([directory = ''], settings, io) => {
      const { init } = await import('./init/init.ts');
      return init(directory, settings, io);
    },
  },
  hook: {
    summary: 'judge a push on the git server, before it is taken',
    operands: [['<HOOK>', 'pre-receive']],
    run: async ([name = ''], settings, io) => {
      const { hook } = await import('./hook.ts');
      return hook(name, settings, io);
    },
  },
  probe: {
    summary: 'ask a store as nodes do, and say what would fail pulls',
    operands: [['<URL>', 'the address of the store, as nodes have it in registries.d']],
    run: async ([url = ''], settings, io) => {
      const { probe } = await import('./probe/probe.ts');
      return probe(url, settings, io);
    },
  },
  release: {
    summary: 'say whether clusters accept a release of OpenShift, or write its signatures for them',
    operands: [
      ['<ACTION>', 'configmap, or check'],
      ['[OPERAND...]', 'configmap: SOURCE; check: a release (DIGEST or image), and SOURCE'],
    ],
    run: async (operands, settings, io, flags) => {
      const { release } = await import('./release/release.ts');
      return release(operands, settings, io, flags);
    },
  },
};

const CONFIG = 'YAML file with any of these options, under their names without the dashes';
const HELP = ['-h, --help', 'print this help'] as const;

/** Runs the program; gives the exit code: 0, 1 for faults in the data, 2 for wrong use. */
export async function runProgram(args: readonly string[], io: ProcessIo): Promise<number> {
  let exitCode = 0;
  const program = new Command('lookaside')
    .description('Checks, publishes and serves OpenPGP signatures of container images.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption(...HELP)
    .helpCommand(false);
  for (const [name, form] of Object.entries(COMMANDS) as [CommandName, CommandForm][]) {
    const command = program
      .command(name)
      .description(form.summary)
      .helpOption(...HELP);
    for (const operand of form.operands) command.argument(...operand);
    const options = addOptions(command, name);
    command.action(async () => {
      const flags = readFlags(command, options);
      const settings = await readSettings(flags, io.environment, name);
      const ioOfRun = settings['no-color'] ? withoutColour(io) : io;
      exitCode = await form.run(command.args, settings, ioOfRun, new Set(Object.keys(flags)));
    });
  }
  addQuestions(program, io);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // The catch below reports it once, in our own form.
      outputError: () => undefined,
    });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    if (error.code === 'commander.help') return 2;
    const named = program.commands.find((command) => command.name() === args[0]);
    throw toUsageError(error, named?.name());
  }
}

const SHELLS: readonly string[] = ['bash', 'zsh', 'fish'];

/** Adds the commands about the program itself. */
function addQuestions(program: Command, io: ProcessIo): void {
  const shells = new Argument('<SHELL>', 'the shell');
  // Only for help and completion: commander's own complaint names no cure.
  shells.argChoices = [...SHELLS];
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(shells)
    .helpOption(...HELP)
    .action(async (shell: string) => {
      if (!SHELLS.includes(shell)) {
        const hint = `there are scripts for ${SHELLS.join(', ')}`;
        throw new UsageError(`unknown shell '${shell}'`, hint);
      }
      const { formatCompletion } = await import('./completion.ts');
      await write(io.stdout, formatCompletion(shell, program));
    });
  const named = new Argument('[COMMAND]', 'a command; without it, all are listed');
  program
    .command('help')
    .description('print the help of a command')
    .addArgument(named)
    .helpOption(...HELP)
    .action((name?: string) => {
      const asked = program.commands.find((command) => command.name() === name);
      if (name !== undefined && !asked) {
        throw new UsageError(`unknown command '${name}'`, suggest(name, named.argChoices ?? []));
      }
      (asked ?? program).outputHelp();
    });
  program
    .command('version')
    .description('print the version')
    .helpOption(...HELP)
    .action(() => void io.stdout.write(`${readVersion()}\n`));
  named.argChoices = program.commands.map((command) => command.name());
}

/** By the name of the option, as the table has it. */
type Named = readonly (readonly [name: string, option: Option])[];

/** Adds a command's options, those that its help does not list too, and returns them. */
function addOptions(command: Command, name: CommandName): Named {
  const shown = optionsOf(name).map((option) => [option, toFlag(option, name)] as const);
  const tolerated = OPTION_NAMES.filter((option) => optionOf(option).toleratedBy?.includes(name));
  const hidden = tolerated.map((option) => [option, toFlag(option, name).hideHelp()] as const);
  const config = ['config', new Option('--config <FILE>', CONFIG)] as const;
  const options = [...shown, config, ...hidden];
  for (const [, option] of options) command.addOption(option);
  const [example] = shown;
  if (example !== undefined) {
    const [option] = example;
    const variable = `--${option} as ${variableOf(option)}`;
    command.addHelpText('after', `\nOptions can be set in the environment too: ${variable}.`);
  }
  return options;
}

function toFlag(name: OptionName, command: CommandName): Option {
  const { argument, default: byDefault, repeatable } = optionOf(name);
  const hasDefault = byDefault !== undefined && argument !== undefined;
  const notes = [hasDefault && `default: ${byDefault}`, repeatable && 'repeatable'].filter(Boolean);
  const description = describeOption(name, command);
  const help = notes.length > 0 ? `${description} (${notes.join('; ')})` : description;
  const option = new Option(argument === undefined ? `--${name}` : `--${name} <${argument}>`, help);
  if (!repeatable) return option;
  return option.argParser((value: string, before: string[] | undefined) => [
    ...(before ?? []),
    value,
  ]);
}

/** The options given on the command line itself, by name. */
function readFlags(command: Command, options: Named): Readonly<Record<string, unknown>> {
  const given = options.filter(
    ([, option]) => command.getOptionValueSource(option.attributeName()) === 'cli',
  );
  return Object.fromEntries(
    given.map(([name, option]) => {
      const value: unknown = command.getOptionValue(option.attributeName());
      // Of --no-color, commander keeps whether there is color.
      return [name, option.negate ? !value : value];
    }),
  );
}

/** `command`: the one that was named, if there is such a command. */
function toUsageError(error: CommanderError, command: string | undefined): UsageError {
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const meant = suggestion && /\(Did you mean (.*)\?\)/.exec(suggestion)?.[1];
  const help = ['lookaside', command, '--help'].filter((word) => word !== undefined).join(' ');
  return new UsageError(
    message.replace(/\.$/, ''),
    meant ? `did you mean ${meant}?` : `see ${help}`,
  );
}
