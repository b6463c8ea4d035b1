// What one run of `generate` leaves for the next, and that it never does harm.
import assert from 'node:assert/strict';
import {
  chmod,
  cp,
  lstat,
  mkdir,
  readFile,
  readdir,
  realpath,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { lockDirectory } from '../../generator/system/directory-lock.ts';
import { parseLocation } from '../../generator/terms/location.ts';
import { startBackground } from '../kit/process/background.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';
import { unpackClone } from '../kit/remote/unpack-clone.ts';
import { describeWith } from '../with-tools.ts';

const EXAMPLE = fileURLToPath(new URL('../../signatures', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const KILLS = 8;
/** A run on a small repository takes less, in milliseconds. */
const LONGEST_RUN = 1500;

/** Every file below a directory, with its bytes in base64. */
async function readTree(root: string): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(root, { recursive: true })).toSorted();
  const tree: Record<string, string> = {};
  for (const name of names) {
    const path = join(root, name);
    if ((await lstat(path)).isFile()) tree[name] = (await readFile(path)).toString('base64');
  }
  return tree;
}

describeWith(['git'], 'lookaside generate, again', () => {
  const directory = useTemporary();
  const out = (...names: string[]): string => join(directory(), 'out', ...names);
  const kept = (...names: string[]): string => out('.lookaside', 'source', ...names);
  let remote: GitRemote;
  let locations: readonly string[];

  beforeEach(async () => {
    remote = await makeGitRemote();
    await cp(EXAMPLE, remote.work, { recursive: true });
    await remote.publish({});
    const names = await readdir(remote.work, { recursive: true });
    locations = names.filter((name) => parseLocation(name) !== undefined).toSorted();
  });
  afterEach(() => remote.remove());

  const argsTo = (where: string) => ['generate', remote.path, '--out', where];
  async function generate(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runLookaside([...argsTo(out()), ...args]);
    assert.equal(code, 0, stderr);
    return stdout;
  }
  /** Takes the first signatures away, one with every call, and adds a copy of the last. */
  const push = async (): Promise<void> => {
    const [first = '', ...rest] = locations;
    locations = rest;
    const last = rest.at(-1) ?? '';
    await remote.publish({
      [first]: null,
      [`copy/${rest.length}/${last}`]: await readFile(join(remote.work, last)),
    });
  };
  /** Asserts that a run that knows nothing writes the same. */
  async function assertUpToDate(...args: string[]): Promise<void> {
    const anew = join(directory(), 'anew');
    const { code, stderr } = await runLookaside([...argsTo(anew), ...args]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      await readTree(await realpath(out('current'))),
      await readTree(await realpath(join(anew, 'current'))),
    );
    await rm(anew, { recursive: true });
  }
  const findKept = async (isMeant: (name: string) => boolean): Promise<string> =>
    kept((await readdir(kept())).find(isMeant) ?? assert.fail('it is not there'));
  const findImage = async () => findKept((name) => name.endsWith('.checkpoint'));
  const findState = async () => findKept((name) => /^[0-9a-f]{16}$/.test(name));
  /** Removes the first signature's blob from the clone, which no run needs that knows of it. */
  const loseBlob = async (): Promise<void> => {
    const id = await remote.git('rev-parse', `HEAD:${locations[1]}`);
    const clone = join(await findState(), 'clone.git');
    await unpackClone(clone);
    await rm(join(clone, 'objects', id.slice(0, 2), id.slice(2)));
  };

  it('goes on from the run before, and reads nothing twice', async () => {
    await generate();
    await loseBlob();
    for (let run = 0; run < 2; run++) {
      await push();
      await generate();
      await assertUpToDate();
    }
    await findImage();
  });

  it('keeps to itself what it knows', async () => {
    await generate();
    assert.equal((await lstat(kept())).mode & 0o777, 0o700);
    assert.equal((await lstat(out('.lookaside'))).mode & 0o777, 0o755);
    await chmod(kept(), 0o755);
    await push();
    await generate();
    assert.equal((await lstat(kept())).mode & 0o777, 0o700);
    const published = Object.keys(await readTree(await realpath(out('current'))));
    assert.ok(published.every((name) => parseLocation(name) !== undefined));
    assert.ok(!(await readdir(kept())).some((name) => /^(?:gpgv|lookaside)-/.test(name)));
  });

  it('keeps nothing of a directory', async () => {
    const { code } = await runLookaside(['generate', EXAMPLE, '--out', out()]);
    assert.equal(code, 0);
    assert.ok(!(await readdir(out('.lookaside'))).includes('source'));
  });

  it('judges by the keys and the subtree of this run', async () => {
    const mirror = Object.entries(await readTree(remote.work)).filter(([name]) =>
      locations.includes(name),
    );
    await remote.publish(
      Object.fromEntries(
        mirror.map(([name, bytes]) => [`mirror/${name}`, Buffer.from(bytes, 'base64')]),
      ),
    );
    const key = fileURLToPath(new URL('../fixtures/vectors/lab/keys/lab.gpg', import.meta.url));
    for (const args of [[], ['--path', 'mirror'], ['--keys', key], []]) {
      await generate(...args);
      await assertUpToDate(...args);
    }
  });

  const faults: Readonly<Record<string, () => Promise<unknown>>> = {
    'that was removed': () => rm(kept(), { recursive: true }),
    'that is a file': async () => {
      await rm(kept(), { recursive: true });
      await writeFile(kept(), '');
    },
    'whose image is cut short': async () => truncate(await findImage(), 100),
    'whose image was removed': async () => rm(await findImage()),
    'whose image is a directory': async () => {
      const image = await findImage();
      await rm(image);
      await mkdir(join(image, 'x'), { recursive: true });
    },
    'whose clone was removed': async () =>
      rm(join(await findState(), 'clone.git'), { recursive: true }),
    'whose clone has lost its objects': async () =>
      rm(join(await findState(), 'clone.git', 'objects'), { recursive: true }),
    'whose clone and image have lost a file': async () => {
      await loseBlob();
      await rm(await findImage());
    },
    'whose clone is a file': async () => {
      const clone = join(await findState(), 'clone.git');
      await rm(clone, { recursive: true });
      await writeFile(clone, '');
    },
  };
  for (const [what, inflict] of Object.entries(faults)) {
    it(`does without something kept ${what}`, async () => {
      await generate();
      await inflict();
      for (let run = 0; run < 2; run++) {
        await push();
        await generate();
        await assertUpToDate();
      }
    });
  }

  it('keeps nothing that a run had to do without', async () => {
    await generate();
    const clone = join(await findState(), 'clone.git');
    await rm(clone, { recursive: true });
    await writeFile(clone, '');
    await rm(await findImage());
    await generate();
    assert.ok(!(await readdir(out('.lookaside'))).includes('source'));
    await generate();
    await findImage();
  });

  it('does without what another run is working with, and leaves it alone', async () => {
    await generate();
    const unlock = await lockDirectory(await findState());
    await push();
    await generate();
    await assertUpToDate();
    await findImage();
    await unlock();
  });

  it('fails as it always did when there is nothing to fetch from, and keeps all', async () => {
    await generate();
    const before = await readTree(await realpath(out('current')));
    const { code, stderr } = await runLookaside([...argsTo(out()), '--branch', 'gone']);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^lookaside: the repository has no branch gone; it has main\nhint: name a branch /m,
    );
    assert.deepEqual(await readTree(await realpath(out('current'))), before);
    await findImage();
  });

  it('goes on after it was killed at any moment', async () => {
    for (let kill = 0; kill < KILLS; kill++) {
      const killed = await startBackground(process.execPath, [MAIN, ...argsTo(out())]);
      await sleep(Math.random() * LONGEST_RUN);
      await killed.stop('SIGKILL');
      if (kill % 3 === 2) await push();
    }
    await generate();
    await assertUpToDate();
    await loseBlob();
    await generate();
    await findImage();
  });
});
