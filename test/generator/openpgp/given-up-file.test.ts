import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hash } from 'node:crypto';
import { GivenUp } from '../../../generator/openpgp/given-up.ts';
import { GivenUpFile } from '../../../generator/openpgp/given-up-file.ts';
import { useTemporary } from '../../kit/temporary.ts';

const START = 1_700_000_000_000;
const A = hash('sha256', 'a', 'base64url');

describe('the file of messages that gpgv has given up', () => {
  const directory = useTemporary();
  const path = () => join(directory(), 'x.given-up');
  let told: string[] = [];
  beforeEach(() => (told = []));

  const open = async (at = path()): Promise<{ givenUp: GivenUp; file: GivenUpFile }> => {
    const givenUp = new GivenUp({ elapsed: () => 0, now: () => new Date(START) });
    givenUp.judgeBy('gpgv 2.2.40, 2 s');
    const file = new GivenUpFile(givenUp, {
      path: at,
      onUnreadable: (error) => void told.push(`unreadable: ${String(error)}`),
      onUnwritable: (error) => void told.push(`unwritable: ${String(error)}`),
      onWritten: () => void told.push('written'),
    });
    await file.open();
    return { givenUp, file };
  };
  const giveUp = async (...hashes: readonly string[]): Promise<void> => {
    const { givenUp, file } = await open();
    for (const one of hashes) givenUp.add(one);
    await file.close();
  };

  it('is read by the next run, is for its owner alone, and leaves nothing beside it', async () => {
    await giveUp(A);
    const { givenUp, file } = await open();
    assert.ok(givenUp.has(A));
    await file.close();
    assert.deepEqual(await readdir(directory()), ['x.given-up']);
    assert.equal((await stat(path())).mode & 0o777, 0o600);
    assert.ok(!told.some((line) => line.startsWith('un')), told.join('\n'));
  });

  it('holds the newest thousand, and takes them all in again', async () => {
    const hashes = Array.from({ length: 1100 }, (_, index) =>
      hash('sha256', `${index}`, 'base64url'),
    );
    await giveUp(...hashes);
    const { givenUp, file } = await open();
    assert.equal(hashes.filter((one) => givenUp.has(one)).length, 1000);
    await file.close();
    assert.deepEqual(
      told.filter((line) => line.startsWith('un')),
      [],
    );
  });

  const damage: Readonly<Record<string, () => Promise<void>>> = {
    'is cut short': async () => truncate(path(), (await stat(path())).size - 3),
    'has another sum': async () => {
      const text = await readFile(path(), 'latin1');
      await writeFile(path(), text.replace(` ${START}`, ` ${START + 1}`));
    },
    'is empty': async () => writeFile(path(), ''),
    'is of another program': async () => writeFile(path(), '{"messages": []}\n'),
    'is far too long': async () => writeFile(path(), Buffer.alloc(200_000, 'a')),
    'has a pause of a year, with the right sum': async () => {
      const body = `gpgv 2.2.40, 2 s\n${A} 99999999 ${START}\n`;
      const [head] = (await readFile(path(), 'latin1')).split('\n');
      await writeFile(path(), `${head}\n${hash('sha256', body, 'hex')}\n${body}`);
    },
  };
  for (const [what, harm] of Object.entries(damage)) {
    it(`that ${what} is no memory, is told, and is written anew`, async () => {
      await giveUp(A);
      await harm();
      told = [];
      const { givenUp, file } = await open();
      assert.ok(!givenUp.has(A));
      assert.match(told.join('\n'), /^unreadable: /);
      givenUp.add(A);
      await file.close();
      told = [];
      assert.ok((await open()).givenUp.has(A));
      assert.ok(!told.some((line) => line.startsWith('unreadable')));
    });
  }

  it('that is a link or a directory is neither followed nor waited for', async () => {
    await giveUp(A);
    const link = join(directory(), 'link.given-up');
    await symlink('x.given-up', link);
    assert.ok(!(await open(link)).givenUp.has(A));
    const folder = join(directory(), 'folder.given-up');
    await mkdir(folder);
    assert.ok(!(await open(folder)).givenUp.has(A));
    assert.equal(told.filter((line) => line.startsWith('unreadable')).length, 2);
  });

  it('that cannot be written is told once, and the memory lasts as long as the run', async () => {
    const { givenUp, file } = await open(join(directory(), 'missing/x.given-up'));
    givenUp.add(A);
    await file.close();
    assert.match(told.join('\n'), /^unwritable: .*ENOENT/);
    assert.ok(givenUp.has(A));
  });
});
