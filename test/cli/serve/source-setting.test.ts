import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readSettings } from '../../../cli/base/read-settings.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { useTemporary } from '../../kit/temporary.ts';

describe('the source in the configuration file', () => {
  const directory = useTemporary();
  const file = (): string => join(directory(), 'config.yaml');
  const read = async (source: string): Promise<string | undefined> => {
    await writeFile(file(), JSON.stringify({ source }));
    return (await readSettings({ config: file() }, { HOME: '/root' }, 'serve')).source;
  };

  for (const url of ['https://git.example/x.git', 'git@git.example:team/x', 'file:///srv/x.git']) {
    it(`is a URL: ${url}`, async () => {
      assert.equal(await read(url), url);
    });
  }

  it('is a path, relative to the file', async () => {
    assert.equal(await read('signatures'), join(directory(), 'signatures'));
    assert.equal(await read('./a:b/x.bundle'), join(directory(), 'a:b/x.bundle'));
    assert.equal(await read('/srv/signatures'), '/srv/signatures');
  });

  it('is missed where the command line has none either', async () => {
    const { code, stderr } = await runLookaside(['serve', '--state-dir', directory()]);
    assert.equal(code, 2);
    assert.equal(
      stderr,
      'lookaside: there is no SOURCE to serve\nhint: name it on the command line, or as source in the configuration file\n',
    );
  });

  it('is what serve reads', async () => {
    await writeFile(file(), JSON.stringify({ source: 'nowhere' }));
    const args = ['--config', file(), '--state-dir', directory(), '--listen=127.0.0.1:0'];
    const { code, stderr } = await runLookaside(['serve', ...args, '--status-listen=127.0.0.1:0']);
    assert.equal(code, 2);
    assert.match(stderr, /nowhere/);
  });
});
