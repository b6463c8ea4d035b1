import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmod,
  cp,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { KEEP_REPLACED_FOR, writeStaticTree } from '../../../generator/publish/static-tree.ts';
import { createDirectorySource } from '../../../generator/sources/directory/directory.ts';
import { loadStore } from '../../../generator/store/load-store.ts';
import type { SignatureStore } from '../../../generator/store/store.ts';
import { lockDirectory } from '../../../generator/system/directory-lock.ts';
import { startApache } from '../../kit/web/apache.ts';
import { startBackground } from '../../kit/process/background.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { startNginx } from '../../kit/web/nginx.ts';
import { makeNode } from '../../kit/node/node.ts';
import { run } from '../../kit/process/run.ts';
import { makeSignedImages, type SignedImages } from '../../kit/registry/signed-images.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { judgeOf } from '../../kit/samples/samples.ts';

const EXAMPLE = fileURLToPath(new URL('../../../signatures', import.meta.url));
const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const NOW = new Date('2026-06-01T12:00:00Z');
const later = (milliseconds: number): Date => new Date(NOW.getTime() + milliseconds);

/** Every file below a directory with its bytes, by path. */
async function readTree(root: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  const read = files.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name);
    return [path.slice(root.length + 1), (await readFile(path)).toString('latin1')] as const;
  });
  return new Map((await Promise.all(read)).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const load = async (below = EXAMPLE, keys?: string, at = NOW): Promise<SignatureStore> => {
  const source = await createDirectorySource(below, '');
  const path = join(EXAMPLE, 'keys', `${keys}.asc`);
  const keyring = keys && (await readKeyring([{ path, bytes: await readFile(path) }]));
  return loadStore(await source.refresh(), await judgeOf(keyring || undefined), at);
};

const storeTree = (store: SignatureStore): ReadonlyMap<string, string> => {
  const files = [...store.served()].map(
    ({ directory: at, number, signature }) =>
      [`${at}/signature-${number}`, Buffer.from(signature.bytes).toString('latin1')] as const,
  );
  return new Map(files.toSorted(([a], [b]) => (a < b ? -1 : 1)));
};

const aFile = async (generation: string): Promise<string> =>
  join(generation, [...(await readTree(generation)).keys()][0] ?? assert.fail());

/** A name as of what a killed run left. */
const left = (letter: string): string =>
  `.tmp-${letter.repeat(8)}-1111-4111-8111-${letter.repeat(12)}`;

describe('the static tree', () => {
  const directory = useTemporary();
  const out = (...names: string[]): string => join(directory(), 'out', ...names);
  const generations = async (): Promise<string[]> => (await readdir(out('generations'))).toSorted();
  const currentTree = async (): Promise<ReadonlyMap<string, string>> =>
    readTree(await realpath(out('current')));
  let all: SignatureStore;
  let some: SignatureStore;
  before(async () => {
    all = await load();
    const signedAt = [...all.served()].map(({ signature }) => signature.signedAt);
    some = await load(EXAMPLE, 'release', new Date(Math.max(...signedAt) + 1000));
    assert.ok(some.signatures > 0 && some.signatures < all.signatures);
  });

  it('holds the same bytes for the same input, wherever and whenever it is written', async () => {
    const first = await writeStaticTree(all, out('a'), undefined, NOW);
    const second = await writeStaticTree(await load(), out('b'), undefined, later(5000));
    assert.equal(basename(first), basename(second));
    assert.deepEqual(await readTree(first), await readTree(second));
    assert.deepEqual(await readTree(first), storeTree(all));
  });

  it('is named for the commit, or without one for its content', async () => {
    const commit = 'c'.repeat(40);
    assert.equal(await writeStaticTree(all, out(), commit, NOW), out('generations', commit));
    assert.equal(await readlink(out('current')), `generations/${commit}`);
    const byContent = basename(await writeStaticTree(all, out(), undefined, NOW));
    assert.match(byContent, /^[0-9a-f]{16}$/);
    assert.notEqual(basename(await writeStaticTree(some, out(), undefined, NOW)), byContent);
  });

  it('writes nothing again for what is current', async () => {
    const generation = await writeStaticTree(all, out(), undefined, NOW);
    const before = await lstat(generation);
    const link = await lstat(out('current'));
    await writeStaticTree(all, out(), undefined, later(1000));
    assert.equal((await lstat(generation)).ino, before.ino);
    assert.equal((await lstat(out('current'))).ino, link.ino);
    assert.deepEqual((await readdir(out())).toSorted(), ['.lookaside', 'current', 'generations']);
  });

  it('is switched in one step: current is always there, and whole', async () => {
    await writeStaticTree(all, out(), undefined, NOW);
    const writing = new AbortController();
    let looks = 0;
    const looking = (async () => {
      const valid = new Set([all, some].map((store) => JSON.stringify([...storeTree(store)])));
      for (; !writing.signal.aborted; looks++) {
        const tree = await readTree(await realpath(out('current')));
        assert.ok(valid.has(JSON.stringify([...tree])));
      }
    })();
    for (let round = 0; round < 30; round++) {
      await writeStaticTree(round % 2 ? all : some, out(), undefined, later(round));
    }
    writing.abort();
    await looking;
    assert.ok(looks > 10, `${looks} looks`);
  });

  it('keeps what was replaced for a while', async () => {
    const first = basename(await writeStaticTree(all, out(), '1'.repeat(40), NOW));
    const replacedAt = later(KEEP_REPLACED_FOR * 5);
    const second = basename(await writeStaticTree(some, out(), '2'.repeat(40), replacedAt));
    assert.deepEqual(await generations(), [first, second]);
    const after = (ms: number): Date => new Date(replacedAt.getTime() + ms);
    await writeStaticTree(some, out(), '2'.repeat(40), after(KEEP_REPLACED_FOR - 1000));
    assert.deepEqual(await generations(), [first, second]);
    await writeStaticTree(some, out(), '2'.repeat(40), after(KEEP_REPLACED_FOR));
    assert.deepEqual(await generations(), [second]);
    assert.deepEqual(await currentTree(), storeTree(some));
  });

  it('goes back to a generation that is still there', async () => {
    const first = await writeStaticTree(all, out(), '1'.repeat(40), NOW);
    await writeStaticTree(some, out(), '2'.repeat(40), NOW);
    const { ino } = await lstat(first);
    assert.equal(await writeStaticTree(all, out(), '1'.repeat(40), NOW), first);
    assert.equal((await lstat(first)).ino, ino);
    assert.deepEqual(await currentTree(), storeTree(all));
  });

  it('has another name for the same commit with other keys', async () => {
    const commit = 'c'.repeat(40);
    const first = await writeStaticTree(all, out(), commit, NOW);
    const second = await writeStaticTree(some, out(), commit, NOW);
    assert.match(basename(second), new RegExp(`^${commit}-[0-9a-f]{16}$`));
    assert.deepEqual(await readTree(first), storeTree(all));
    assert.deepEqual(await currentTree(), storeTree(some));
  });

  describe('does not use a generation again', () => {
    const damages: Readonly<Record<string, (generation: string) => Promise<void>>> = {
      'with other bytes': async (generation) => {
        const file = await aFile(generation);
        const bytes = await readFile(file);
        bytes.writeUInt8(bytes.readUInt8(0) ^ 1);
        await writeFile(file, bytes);
      },
      'with a file cut short': async (generation) => writeFile(await aFile(generation), ''),
      'that lacks a file': async (generation) => rm(await aFile(generation)),
      'that has a file too many': async (generation) => writeFile(join(generation, 'x'), 'x'),
      'that is empty': async (generation) => {
        await rm(generation, { recursive: true });
        await mkdir(generation);
      },
    };
    for (const [title, damage] of Object.entries(damages)) {
      it(title, async () => {
        const commit = 'c'.repeat(40);
        // Again and again: what is damaged may be what `current` leads to.
        for (let round = 0; round < 3; round++) {
          await writeStaticTree(all, out(), commit, NOW);
          assert.deepEqual(await currentTree(), storeTree(all));
          const damaged = await realpath(out('current'));
          await damage(damaged);
          // Until the new one is there, the damaged one is better than none.
          await writeStaticTree(all, out(), commit, NOW);
          assert.notEqual(await realpath(out('current')), damaged);
          assert.ok((await lstat(damaged)).isDirectory());
        }
      });
    }
  });

  it('can be read by everybody, whatever the umask', async () => {
    const before = process.umask(0o077);
    try {
      const generation = await writeStaticTree(all, out('deep', 'er'), undefined, NOW);
      const entries = await readdir(out(), { recursive: true, withFileTypes: true });
      const paths = entries.map(({ parentPath, name }) => join(parentPath, name));
      for (const path of [out(), ...paths]) {
        const stats = await lstat(path);
        // What no web server has to read is left to the umask.
        if (stats.isSymbolicLink() || basename(path) === 'facts') continue;
        const mode = (stats.mode & 0o777).toString(8);
        assert.equal(mode, stats.isDirectory() ? '755' : '644', path);
      }
      assert.ok(paths.includes(generation));
    } finally {
      process.umask(before);
    }
  });

  it('leaves the mode of a directory alone that was there before', async () => {
    await mkdir(out());
    await chmod(out(), 0o750);
    await writeStaticTree(all, out(), undefined, NOW);
    assert.equal((await lstat(out())).mode & 0o777, 0o750);
  });

  it('removes what a killed run left behind, and nothing else', async () => {
    await mkdir(out('generations', left('a'), 'y'), { recursive: true });
    await writeFile(out('generations', left('a'), 'y', 'z'), '');
    await writeFile(out(left('b')), '');
    await mkdir(out('.lookaside', left('c'), 'y'), { recursive: true });
    await writeFile(out('own'), '');
    await writeStaticTree(all, out(), 'c'.repeat(40), NOW);
    const names = ['.lookaside', 'current', 'generations', 'own'];
    assert.deepEqual((await readdir(out())).toSorted(), names);
    assert.deepEqual(await generations(), ['c'.repeat(40)]);
    assert.ok(!(await readdir(out('.lookaside'))).includes(left('c')));
  });

  it('leaves alone what others have put beside it, however old it is', async () => {
    const old = new Date(0);
    const others = [
      out('.tmp-y', 'file'),
      out('generations', '.tmp-mine', 'file'),
      out('generations', 'archive', 'file'),
      out('generations', 'c'.repeat(39), 'file'),
      out('.lookaside', '.tmp-notes', 'file'),
      out('site', 'index.html'),
    ];
    for (const file of others) {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, 'mine');
      await utimes(dirname(file), old, old);
    }
    // A name that a generation could have, but a file.
    await writeFile(out('generations', 'd'.repeat(40)), 'mine');
    await utimes(out('generations', 'd'.repeat(40)), old, old);
    await symlink('site', out('current'));
    for (const commit of ['a', 'b', 'e']) {
      await writeStaticTree(all, out(), commit.repeat(40), NOW);
      await writeStaticTree(all, out(), commit.repeat(40), later(2 * KEEP_REPLACED_FOR));
    }
    for (const file of others) assert.equal(await readFile(file, 'utf8'), 'mine');
    assert.equal(await readFile(out('generations', 'd'.repeat(40)), 'utf8'), 'mine');
    assert.equal((await stat(out('site'))).mtimeMs, 0);
  });

  it('is empty when the store is', async () => {
    await mkdir(join(directory(), 'none'));
    const empty = await load(join(directory(), 'none'));
    const generation = await writeStaticTree(empty, out(), undefined, NOW);
    assert.deepEqual(await readdir(generation), []);
    assert.equal(await realpath(out('current')), await realpath(generation));
  });

  it('is written by one process at a time', async () => {
    await writeStaticTree(all, out(), undefined, NOW);
    const unlock = await lockDirectory(out());
    const { code, stdout, stderr } = await runLookaside(['generate', EXAMPLE, '--out', out()]);
    await unlock();
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.ok(stderr.includes(`lookaside: ${out()} is in use by another lookaside (process `));
  });

  it('survives kill -9 at any moment', async () => {
    const many = join(directory(), 'many');
    for (let index = 0; index < 8; index++) {
      for (const name of ['team', 'platform']) {
        await cp(join(EXAMPLE, name), join(many, `mirror${index}`, name), { recursive: true });
      }
    }
    const sources = [EXAMPLE, many] as const;
    const valid = await Promise.all(
      sources.map(async (source) => JSON.stringify([...storeTree(await load(source))])),
    );
    const startedAt = performance.now();
    assert.equal((await runLookaside(['generate', many, '--out', out()])).code, 0);
    const duration = performance.now() - startedAt;
    let killed = 0;
    for (let round = 0; round < 20; round++) {
      const source = sources[round % 2] ?? EXAMPLE;
      const child = await startBackground(process.execPath, [
        MAIN,
        'generate',
        source,
        '--out',
        out(),
      ]);
      await sleep(duration * (0.35 + 0.65 * Math.random()));
      if ((await child.stop('SIGKILL')) === null) killed++;
      assert.ok(valid.includes(JSON.stringify([...(await currentTree())])), `round ${round}`);
      // So that the next of this source has to write it: anew, or on what a pruned one left.
      const isSpared = round % 4 > 1;
      for (const name of await generations()) {
        if (out('generations', name) === (await realpath(out('current')))) continue;
        await rm(out('.lookaside', 'spare'), { recursive: true, force: true });
        if (isSpared) await rename(out('generations', name), out('.lookaside', 'spare'));
        else await rm(out('generations', name), { recursive: true });
      }
    }
    assert.ok(killed > 5, `only ${killed} were killed before they ended`);
    assert.equal((await runLookaside(['generate', EXAMPLE, '--out', out()])).code, 0);
    assert.equal(JSON.stringify([...(await currentTree())]), valid[0]);
    const names = await readdir(out(), { recursive: true });
    assert.deepEqual(
      names.filter((name) => name.includes('.tmp-') || name.includes('.lock')),
      [],
    );
  });

  // A small disk needs a mount, which not every container allows.
  const unshare = ['--map-root-user', '--mount'];
  const canMount = spawnSync('unshare', [...unshare, 'true']).status === 0;
  if (canMount) {
    it('says so when the disk is full, and leaves current as it was', async () => {
      const many = join(directory(), 'many');
      for (let index = 0; index < 20; index++) {
        await cp(join(EXAMPLE, 'team'), join(many, `m${index}`, 'team'), { recursive: true });
      }
      await mkdir(out());
      const script = `
        mount -t tmpfs -o size=250k tmpfs "$1" || exit 9
        "$2" "$3" generate "$4" --out "$1" || exit 8
        "$2" "$3" generate "$5" --out "$1" && exit 7
        echo "code $?"
        ls -A "$1" "$1/generations"
        diff -r "$1/current/" "$4" | grep -v ': keys$\\|: README.md$'
        "$2" "$3" generate "$4" --out "$1" || exit 6`;
      const args = [out(), process.execPath, MAIN, EXAMPLE, many];
      const command = [...unshare, 'sh', '-c', script, 'sh', ...args];
      const { code, stdout, stderr } = await run('unshare', command);
      assert.equal(code, 0, `${stdout}${stderr}`);
      assert.match(stdout, /^code 2$/m);
      assert.doesNotMatch(stdout, /^Only in|differ$|\.tmp-|\.lock/m);
      const complaint = new RegExp(
        `^lookaside: cannot write below ${out()}: ENOSPC: .*\nhint: name a directory with --out that this user can write to, with room on its disk; what was published before is untouched$`,
        'm',
      );
      assert.match(stderr, complaint);
      assert.doesNotMatch(stderr, /^\s+at /m);
    });
  }
});

const SERVERS = { nginx: startNginx, apache2: startApache } as const;
const TOOLS = ['git', 'gpg', 'skopeo', 'docker-registry', 'nginx', 'apache2'] as const;
describeWith(TOOLS, 'the static tree behind another web server', () => {
  const directory = useTemporary('suite');
  let images: SignedImages;
  before(async () => {
    images = await makeSignedImages();
    const options = ['--keys', images.keyFile, '--out', directory()];
    const { code, stderr } = await runLookaside(['generate', images.remote.path, ...options]);
    assert.equal(code, 0, stderr);
  });
  after(() => images.stop());

  for (const [name, start] of Object.entries(SERVERS)) {
    it(`lets a node pull what is signed, and nothing else: ${name}`, async () => {
      const server = await start(join(directory(), 'current'));
      const { host } = images.registry;
      const keys = [images.keyFile];
      const node = await makeNode({ scope: host, lookaside: server.baseUrl, keys });
      try {
        for (const [image, outcome] of [
          [images.signed, 'accepted'],
          [images.twice, 'accepted'],
          [images.unsigned, 'refused'],
          [images.foreign, 'refused'],
        ] as const) {
          const result = await node.copyWithSkopeo(image.reference);
          assert.equal(result.outcome, outcome, `${image.reference}: ${result.stderr}`);
        }
      } finally {
        await Promise.all([server.stop(), node.remove()]);
      }
    });
  }
});
