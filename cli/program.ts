// The command line: flags in, the right command run, an exit code out.
import { Command, CommanderError, Option } from 'commander';
import { StateRefusedError } from '../generator/sources/source.ts';
import { Complaint, formatComplaint } from './complaint.ts';
import {
  type Command as CommandName,
  OPTION_NAMES,
  type OptionName,
  type Settings,
  optionOf,
  variableOf,
} from './options.ts';
import { readSettings } from './read-settings.ts';
import { readVersion } from './read-version.ts';
import type { World } from './world.ts';

interface CommandForm {
  readonly summary: string;
  /** What the command works on: names in help, and what each is. */
  readonly operands: readonly (readonly [name: string, description: string])[];
  readonly run: (
    operands: readonly string[],
    settings: Settings,
    world: World,
    /** The options that the command line has, by name. */
    flags: ReadonlySet<string>,
  ) => Promise<number>;
}

const WHAT_SOURCE_IS = 'a directory, or a git URL: a scheme, scp form, or a name ending in .git';

type RunOnSource = (source: string, settings: Settings, world: World) => Promise<number>;

const onSource = (summary: string, run: RunOnSource): CommandForm => ({
  summary,
  operands: [['<SOURCE>', WHAT_SOURCE_IS]],
  run: async ([source = ''], settings, world) => run(source, settings, world),
});

/** A command's own modules are loaded when it runs: those of `serve` take longer than a short check. */
const COMMANDS: Record<CommandName, CommandForm> = {
  check: onSource('say of every file whether it may be published', async (...operands) => {
    const { check } = await import('./check.ts');
    return check(...operands);
  }),
  generate: onSource('check, then write the static tree', async (...operands) => {
    const { generate } = await import('./generate.ts');
    return generate(...operands);
  }),
  serve: onSource('check, serve, and follow pushes', async (...operands) => {
    const { serve } = await import('./serve.ts');
    return serve(...operands);
  }),
  show: {
    summary: 'say what signatures say',
    operands: [['<FILE...>', 'a signature; - for standard input']],
    run: async (files, settings, world) => {
      const { show } = await import('./show.ts');
      return show(files, settings, world);
    },
  },
  'node-config': {
    summary: 'write what nodes need to use the store, or compare it with what they have',
    operands: [],
    run: async (_operands, settings, world, flags) => {
      const { nodeConfig } = await import('./node-config.ts');
      return nodeConfig(settings, world, flags);
    },
  },
  explain: {
    summary: 'say whether nodes would accept an image, and what is in the way',
    operands: [
      ['<IMAGE>', 'an image as it is pulled, as quay.io/team/app:v1'],
      ['[SOURCE]', `${WHAT_SOURCE_IS}; or --server`],
    ],
    run: async ([image = '', source], settings, world, flags) => {
      const { explain } = await import('./explain.ts');
      return explain(image, source, settings, world, flags);
    },
  },
};

const CONFIG = 'YAML file with any of these options, named as here without the dashes';

/** Runs the program; gives the exit code: 0, 1 for faults in the data, 2 for wrong use. */
export async function runProgram(args: readonly string[], world: World): Promise<number> {
  let exitCode = 2;
  const program = new Command('lookaside')
    .description('Checks, lays out and serves detached container-image signatures.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false);
  for (const [name, { summary, operands, run }] of Object.entries(COMMANDS)) {
    const command = program
      .command(name)
      .description(summary)
      .helpOption('-h, --help', 'print this help')
      .action(async () => {
        const flags = Object.entries<unknown>(command.opts());
        const named = Object.fromEntries(flags.map(([key, value]) => [toDashes(key), value]));
        const settings = await readSettings(named, world.environment);
        exitCode = await run(command.args, settings, world, new Set(Object.keys(named)));
      });
    for (const operand of operands) command.argument(...operand);
    addOptions(
      command,
      OPTION_NAMES.filter((option) => takes(option, name)),
    );
  }
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => world.stdout.write(text),
      writeErr: (text) => world.stderr.write(text),
      // Said once, by the catch below, in our own form.
      outputError: () => undefined,
    });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof StateRefusedError) {
      const { message, hint, origin } = error;
      const what = origin.commit === undefined ? 'the source' : `commit ${origin.commit}`;
      const by = origin.author === undefined ? '' : `, brought by ${origin.author}`;
      const complaint = new Complaint(`${what} is refused: ${message}${by}`, hint);
      world.stderr.write(formatComplaint(complaint));
      return 1;
    }
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    if (error.code === 'commander.help') return 2;
    throw toComplaint(error);
  }
}

function takes(option: OptionName, command: string): boolean {
  if (optionOf(option).isInFileOnly) return false;
  return optionOf(option).commands.some((name) => name === command);
}

function addOptions(command: Command, names: readonly OptionName[]): void {
  for (const name of names) {
    const { argument, description, default: byDefault, repeatable } = optionOf(name);
    const hasDefault = byDefault !== undefined && argument !== undefined;
    const notes = [hasDefault && `default: ${byDefault}`, repeatable && 'repeatable'].filter(
      Boolean,
    );
    const help = notes.length > 0 ? `${description} (${notes.join('; ')})` : description;
    const form = argument === undefined ? `--${name}` : `--${name} <${argument}>`;
    const option = new Option(form, help);
    if (repeatable) {
      option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
    }
    command.addOption(option);
  }
  command.option('--config <FILE>', CONFIG);
  command.addHelpText(
    'after',
    `\nEvery option can be set as ${variableOf('OPTION')} in the environment.`,
  );
}

function toComplaint(error: CommanderError): Complaint {
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const meant = suggestion && /\(Did you mean (.*)\?\)/.exec(suggestion)?.[1];
  return new Complaint(
    message.replace(/\.$/, ''),
    meant ? `did you mean ${meant}?` : 'see lookaside --help',
  );
}

function toDashes(camelCase: string): string {
  return camelCase.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
