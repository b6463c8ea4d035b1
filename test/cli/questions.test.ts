// What the program says of itself.
import assert from 'node:assert/strict';
import { readVersion } from '../../cli/base/read-version.ts';
import { runInProcess } from '../kit/program/run-in-process.ts';

const ask = async (...args: string[]): Promise<[code: number, stdout: string, stderr: string]> => {
  const { code, stdout, stderr } = await runInProcess(args);
  return [code, stdout.toString(), stderr];
};

describe('the program', () => {
  for (const form of ['version', '--version', '-V']) {
    it(`tells its version to ${form}`, async () => {
      assert.deepEqual(await ask(form), [0, `${readVersion()}\n`, '']);
    });
  }

  it('lists its commands in help', async () => {
    const [code, help, complaint] = await ask('help');
    assert.deepEqual([code, complaint], [0, '']);
    for (const command of ['check', 'explain', 'node-config', 'completion', 'help', 'version']) {
      assert.match(help, new RegExp(`^  ${command} `, 'm'));
    }
    for (const form of ['--help', '-h']) assert.deepEqual(await ask(form), [0, help, '']);
  });

  for (const command of ['check', 'node-config', 'completion', 'help', 'version']) {
    it(`gives the help of ${command} in both ways`, async () => {
      const [code, help, complaint] = await ask('help', command);
      assert.deepEqual([code, complaint], [0, '']);
      assert.match(help, new RegExp(`^Usage: lookaside ${command}`));
      assert.deepEqual(await ask(command, '--help'), [0, help, '']);
    });
  }

  for (const [args, meant] of [
    [['chek'], 'did you mean check?'],
    [['help', 'exlpain'], 'did you mean explain?'],
    [['help', 'chek'], 'did you mean check?'],
  ] as const) {
    it(`knows no command ${args.join(' ')}, and says which is meant`, async () => {
      const message = `lookaside: unknown command '${args.at(-1)}'\nhint: ${meant}\n`;
      assert.deepEqual(await ask(...args), [2, '', message]);
    });
  }

  it('knows three shells', async () => {
    const message =
      "lookaside: unknown shell 'tcsh'\nhint: there are scripts for bash, zsh, fish\n";
    assert.deepEqual(await ask('completion', 'tcsh'), [2, '', message]);
  });
});
