import assert from 'node:assert/strict';
import {
  type Command,
  OPTIONS,
  OPTION_NAMES,
  describeOption,
  optionOf,
  optionsOf,
  valuesOf,
  variableOf,
} from '../../../cli/base/options.ts';
import { readSettings } from '../../../cli/base/read-settings.ts';
import { UsageError } from '../../../cli/base/usage-error.ts';
import { SAMPLES } from '../option-samples.ts';
import { runInProcess } from '../../kit/program/run-in-process.ts';

describe('options', () => {
  for (const name of OPTION_NAMES) {
    const { good, bad } = SAMPLES[name];
    it(`--${name} takes what it should`, async () => {
      for (const [value, expected] of good) {
        assert.deepEqual((await readSettings({ [name]: value }, {}))[name], expected);
      }
    });

    it(`--${name} names its origin and what was expected`, async () => {
      for (const [value, message] of bad) {
        const hint = OPTIONS[name].description;
        await assert.rejects(readSettings({ [name]: value }, {}), (error) => {
          assert.ok(error instanceof UsageError);
          assert.equal(error.message, `--${name}: ${message}`);
          assert.equal(error.hint, hint);
          return true;
        });
        const isText = typeof value === 'string' && !optionOf(name).repeatable;
        if (!isText || optionOf(name).isInFileOnly) continue;
        await assert.rejects(readSettings({}, { [variableOf(name)]: value }), {
          name: 'UsageError',
          message: `${variableOf(name)}: ${message}`,
        });
      }
    });
  }

  const COMMANDS = [...new Set(OPTION_NAMES.flatMap((name) => optionOf(name).commands))];

  for (const command of COMMANDS) {
    it(`are explained in the help of ${command} as it means them`, async () => {
      const { code, stdout } = await runInProcess([command, '--help']);
      assert.equal(code, 0);
      const help = stdout.toString().replaceAll(/\s+/g, ' ');
      for (const name of optionsOf(command)) {
        assert.ok(help.includes(describeOption(name, command)), `--${name}`);
        assert.match(stdout.toString(), new RegExp(`^  --${name} `, 'm'));
      }
      for (const name of OPTION_NAMES.filter((other) => !optionsOf(command).includes(other))) {
        assert.doesNotMatch(stdout.toString(), new RegExp(`^  --${name} `, 'm'));
      }
      const [, example] = / --([a-z-]+) as LOOKASIDE_[A-Z_]+\.$/.exec(help.trim()) ?? [];
      assert.ok(
        optionsOf(command).some((name) => name === example),
        example,
      );
    });
  }

  it('name no other command, and of a closed set all values that the command knows, and no others', () => {
    for (const command of COMMANDS) {
      for (const name of optionsOf(command)) {
        const text = describeOption(name, command);
        for (const other of ['show', 'node-config', 'explain']) {
          assert.ok(!new RegExp(`\\b${other}\\b`).test(text), `${command} --${name}: ${text}`);
        }
        const known = valuesOf(name, command);
        for (const value of valuesOf(name) ?? []) {
          const isKnown = known?.includes(value) === true;
          const isTold = text.includes(value);
          // The versions of Ignition speak for themselves.
          if (name !== 'ignition') assert.equal(isTold, isKnown, `${command} --${name}: ${value}`);
        }
      }
    }
  });

  for (const [command, message] of [
    ['check', 'expected text, json, github, sarif or junit, got "xml"'],
    ['show', 'expected text or json, got "xml"'],
    ['explain', 'expected text or json, got "xml"'],
  ] as const satisfies readonly (readonly [Command, string])[]) {
    it(`are refused as ${command} knows them`, async () => {
      const { code, stderr } = await runInProcess([command, 'x', '--format', 'xml']);
      const hint = describeOption('format', command);
      assert.deepEqual([code, stderr], [2, `lookaside: --format: ${message}\nhint: ${hint}\n`]);
    });
  }

  it('are still taken where one set of flags does for several commands', async () => {
    const args = ['check', 'signatures', '--keys', 'signatures/keys', '--on-invalid', 'refuse'];
    assert.equal((await runInProcess(args)).code, 0);
  });
});
