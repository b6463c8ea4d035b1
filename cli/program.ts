// The command line: flags in, the right command run, an exit code out.
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { check } from './check.ts';
import { Complaint } from './complaint.ts';
import { generate } from './generate.ts';
import {
  type Command as CommandName,
  OPTION_NAMES,
  type OptionName,
  type Settings,
  optionOf,
  variableOf,
} from './options.ts';
import { readSettings } from './read-settings.ts';
import { serve } from './serve.ts';
import type { World } from './world.ts';

type Run = (source: string, settings: Settings, world: World) => Promise<number>;

const COMMANDS: Record<CommandName, { summary: string; run: Run }> = {
  check: { summary: 'say of every file whether it may be published', run: check },
  generate: { summary: 'check, then write the static tree', run: generate },
  serve: { summary: 'check, serve, and follow pushes', run: serve },
};

const SOURCE = 'a directory, or a git URL: a scheme, scp form, or a name ending in .git';
const CONFIG = 'YAML file with any of these options, named as here without the dashes';

/** Runs the program; gives the exit code: 0, 1 for faults in the data, 2 for wrong use. */
export async function runProgram(args: readonly string[], world: World): Promise<number> {
  let exitCode = 2;
  const program = new Command('lookaside')
    .description('Checks, lays out and serves detached container-image signatures.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false);
  for (const [name, { summary, run }] of Object.entries(COMMANDS)) {
    const command = program
      .command(name)
      .description(summary)
      .helpOption('-h, --help', 'print this help')
      .argument('<SOURCE>', SOURCE)
      .action(async (source: string, flags: Record<string, unknown>) => {
        const named = Object.fromEntries(
          Object.entries(flags).map(([key, value]) => [toDashes(key), value]),
        );
        exitCode = await run(source, await readSettings(named, world.environment), world);
      });
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
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    if (error.code === 'commander.help') return 2;
    throw toComplaint(error);
  }
}

function takes(option: OptionName, command: string): boolean {
  return optionOf(option).commands.some((name) => name === command);
}

function addOptions(command: Command, names: readonly OptionName[]): void {
  for (const name of names) {
    const { argument, description, default: byDefault, repeatable } = optionOf(name);
    const notes = [byDefault && `default: ${byDefault}`, repeatable && 'repeatable'].filter(
      Boolean,
    );
    const help = notes.length > 0 ? `${description} (${notes.join('; ')})` : description;
    const option = new Option(`--${name} <${argument}>`, help);
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

function readVersion(): string {
  // From cli/ in the sources and from dist/cli/ in the built program.
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (manifest && typeof manifest === 'object' && 'version' in manifest) {
        return String(manifest.version);
      }
    } catch {
      continue;
    }
  }
  return 'unknown';
}
