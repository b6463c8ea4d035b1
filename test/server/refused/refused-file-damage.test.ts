import assert from 'node:assert/strict';
import {
  mkdir,
  readFile,
  readdir,
  rename,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_REPOSITORY_LENGTH } from '../../../server/refused/refused-pull.ts';
import { RefusedPulls } from '../../../server/refused/refused-pulls.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { directoryOf } from './paths.ts';
import { APP, pullsOf, useRefusedFile } from './use-refused-file.ts';

interface Written {
  readonly known: readonly Readonly<Record<string, unknown>>[];
}

describe('server: a file of refused pulls that is of no use is told of, and nothing is read:', () => {
  const { directory, path, unreadable, unwritable, file, write, writeTwo } = useRefusedFile();

  const damages: readonly [string, (text: string) => string | Uint8Array, RegExp][] = [
    ['empty', () => '', /no JSON/],
    ['cut short', (text) => text.slice(0, -20), /no JSON/],
    ['zeros', (text) => Buffer.alloc(text.length), /no JSON/],
    ['with more behind the end', (text) => `${text}}`, /no JSON/],
    ['of another version', (text) => text.replace('"version":1', '"version":2'), /another form/],
    ['without a version', (text) => text.replace('"version":1,', ''), /another form/],
    ['a list', () => '[]', /another form/],
    ['null', () => 'null', /another form/],
    ['with a negative sum', (text) => text.replace('"dropped":0', '"dropped":-1'), /another form/],
    ['with no list of pulls', (text) => text.replace('"others":[]', '"others":{}'), /another form/],
  ];
  for (const [what, damage, reason] of damages) {
    it(what, async () => {
      const text = await writeTwo();
      const damaged = damage(text);
      assert.notEqual(damaged, text);
      await writeFile(path(), damaged);
      assert.equal(await file().read(), undefined);
      assert.equal(unreadable.length, 1);
      assert.match(unreadable[0] ?? '', reason);
      await writeTwo();
      assert.notEqual(await file().read(), undefined);
    });
  }

  it('too large', async () => {
    await writeFile(path(), '');
    await truncate(path(), 16 * 1024 * 1024 + 1);
    assert.equal(await file().read(), undefined);
    assert.match(unreadable.join(), /^SavedPullsError: it has more than 16777216 bytes$/);
  });

  it('a directory, which stays', async () => {
    await mkdir(join(path(), 'kept'), { recursive: true });
    assert.equal(await file().read(), undefined);
    assert.match(unreadable.join(), /^SavedPullsError: it is no regular file$/);
    await write(pullsOf(), directoryOf(APP, 1));
    assert.match(unwritable.join(), /EISDIR|ENOTEMPTY/);
    assert.deepEqual(await readdir(path()), ['kept']);
    assert.deepEqual(await readdir(directory()), ['x.refused']);
  });

  it('a pipe, which is replaced', async () => {
    await runOrThrow('mkfifo', [path(), `${path()}.new`]);
    assert.equal(await file().read(), undefined);
    assert.match(unreadable.join(), /^SavedPullsError: it is no regular file$/);
    await writeTwo();
    assert.notEqual(await file().read(), undefined);
  });

  it('a link, which is replaced and not followed', async () => {
    const target = join(directory(), 'target');
    await writeTwo();
    await rename(path(), target);
    const text = await readFile(target, 'utf8');
    for (const link of [path(), `${path()}.new`]) await symlink(target, link);
    assert.equal(await file().read(), undefined);
    assert.match(unreadable.join(), /ELOOP/);
    await write(pullsOf(), directoryOf(APP, 7));
    assert.equal(await readFile(target, 'utf8'), text);
    assert((await stat(path())).isFile());
  });
});

describe('server: a file of refused pulls', () => {
  const { path, unreadable, file, writeTwo } = useRefusedFile();

  it('loses only the pulls in it that are not well-formed', async () => {
    const json: Written = JSON.parse(await writeTwo());
    const [good = {}] = json.known;
    const bad: readonly unknown[] = [
      null,
      'text',
      {},
      { ...good, directory: directoryOf(APP, 9).replace('=', ':') },
      { ...good, directory: directoryOf('../..', 9) },
      { ...good, directory: directoryOf(APP, 9).toUpperCase() },
      { ...good, directory: directoryOf('a/'.repeat(MAX_REPOSITORY_LENGTH / 2) + 'b', 9) },
      { ...good, directory: `${directoryOf(APP, 9)}/` },
      { ...good, count: 0 },
      { ...good, count: 1.5 },
      { ...good, firstSeen: -1 },
      { ...good, firstSeen: 2000 },
      { ...good, lastSeen: 1e16 },
      { ...good, clients: Array.from({ length: 9 }, String) },
      { ...good, clients: ['x'.repeat(65)] },
      { ...good, clients: [1] },
      { ...good, hasMoreClients: 'no' },
    ];
    const resolved = { ...good, arrivedAt: 3000, commit: null };
    const known = [...bad, ...json.known, good];
    const others = [...bad, good];
    const text = JSON.stringify({
      ...json,
      known,
      others,
      resolved: [...bad, good, { ...resolved, commit: 'c'.repeat(65) }, resolved],
    });
    await writeFile(path(), text);
    const saved = await file().read();
    const pulls = new RefusedPulls({ isKnown: () => false, now: () => 1000, saved });
    const directories = pulls.list().map((pull) => pull.directory);
    assert.deepEqual(new Set(directories), new Set([directoryOf(APP, 1), directoryOf(APP, 2)]));
    assert.equal(directories.length, 2);
    assert.deepEqual(pulls.resolved(), [resolved]);
    assert.deepEqual(unreadable, []);
  });
});
