// The files for hosts, as far as they can be read without running them.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { OPTION_NAMES } from '../../cli/base/options.ts';
import { readSettings } from '../../cli/base/read-settings.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const UNITS = 'deploy/systemd';
/** On a scale to 10, of what a service could do to its host. */
const MOST_EXPOSED = 1.5;

const read = async (): Promise<string> => readFile(join(UNITS, 'config.yaml'), 'utf8');

describe('the configuration file for hosts', () => {
  const directory = useTemporary();

  it('names nothing but the source, until somebody changes it', async () => {
    assert.deepEqual(Object.keys(parse(await read())), ['source']);
  });

  it('is right with everything in it that it proposes', async () => {
    const proposed = (await read()).replaceAll(/^# (?=[a-z-]+:( |$)|  )/gm, '');
    const content: Record<string, unknown> = parse(proposed);
    const names = Object.keys(content);
    assert.ok(names.length > 15, names.join());
    for (const name of names)
      assert.ok(
        OPTION_NAMES.some((known) => known === name),
        name,
      );
    const schema: object = JSON.parse(await readFile('docs/lookaside.schema.json', 'utf8'));
    const validate = new Ajv({ strict: false }).compile(schema);
    assert.ok(validate(content), JSON.stringify(validate.errors));
    const file = join(directory(), 'config.yaml');
    await writeFile(file, proposed);
    const settings = await readSettings({ config: file }, { HOME: '/root' }, 'serve');
    assert.deepEqual(settings.keys, [join(directory(), 'keys')]);
    assert.equal(settings.source, 'https://git.example.com/team/signatures.git');
  });
});

describeWith(['systemd-analyze'], 'the service for hosts', () => {
  it('can do little to its host', async () => {
    const unit = join(UNITS, 'lookaside.service');
    const { stdout } = await runOrThrow('systemd-analyze', ['security', '--offline=yes', unit]);
    const [, exposed = ''] =
      /Overall exposure level for lookaside\.service: ([\d.]+) /.exec(stdout) ?? [];
    assert.ok(exposed !== '' && Number(exposed) <= MOST_EXPOSED, stdout);
  });
});
