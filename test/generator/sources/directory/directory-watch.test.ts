import assert from 'node:assert/strict';
import { appendFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDirectorySource } from '../../../../generator/sources/directory/directory.ts';
import type { Source } from '../../../../generator/sources/source.ts';
import { eventually } from '../../../kit/eventually.ts';
import { measureProcessor } from '../../../kit/process/processor-time.ts';
import { runOrThrow } from '../../../kit/process/run.ts';
import { makeTemporary, removeTemporary, useTemporary } from '../../../kit/temporary.ts';

/** What someone who follows a source has seen of it. */
interface Follower {
  /** What every file held when it was last told of. */
  readonly files: ReadonlyMap<string, string>;
  /** Everything that any file ever held. */
  readonly taken: readonly string[];
  readonly errors: readonly Error[];
  readonly changes: () => number;
  readonly stop: () => Promise<void>;
}

/** Follows a source as the server does: one refresh after the other, only what changed. */
async function follow(source: Source): Promise<Follower> {
  const files = new Map<string, string>();
  const taken: string[] = [];
  const errors: Error[] = [];
  let previous = await source.refresh();
  let running = Promise.resolve();
  let changes = 0;
  for await (const { path } of previous.entries()) files.set(path, '');
  const refresh = async (): Promise<void> => {
    const next = await source.refresh();
    for await (const entry of next.changesSince(previous)) {
      if (entry.kind === 'removed') files.delete(entry.path);
      const bytes = entry.kind === 'file' ? await next.read(entry) : Buffer.from(entry.kind);
      if (entry.kind === 'removed' || !(bytes instanceof Uint8Array)) continue;
      files.set(entry.path, Buffer.from(bytes).toString());
      taken.push(Buffer.from(bytes).toString());
    }
    previous = next;
  };
  const stop = source.watch(
    () => {
      changes++;
      running = running.then(refresh).catch((error: unknown) => void errors.push(error as Error));
    },
    (error) => errors.push(error),
  );
  await eventually(() => assert.ok(changes > 0, 'the watch is not ready'));
  await running;
  return {
    files,
    taken,
    errors,
    changes: () => changes,
    stop: async () => {
      await stop();
      await running;
    },
  };
}

/** Replaces a link in one step, as tools that publish do. */
async function flip(link: string, target: string): Promise<void> {
  await symlink(target, `${link}.new`);
  await rename(`${link}.new`, link);
}

describe('a watched directory', () => {
  const directory = useTemporary();
  // Below a directory of its own: the one around it is watched too, and in /tmp much goes on.
  const root = (): string => join(directory(), 'root');
  beforeEach(async () => mkdir(root()));
  const at = (...names: string[]): string => join(root(), ...names);
  let followers: Follower[] = [];
  const start = async (path = root()): Promise<Follower> => {
    const follower = await follow(await createDirectorySource(path, ''));
    followers.push(follower);
    return follower;
  };
  afterEach(async () => {
    await Promise.all(followers.map((follower) => follower.stop()));
    followers = [];
  });
  const becomes = async ({ files }: Follower, expected: Record<string, string>): Promise<void> =>
    eventually(() => assert.deepEqual(Object.fromEntries(files), expected));

  it('tells of a change and a removal', async () => {
    await writeFile(at('x'), 'old');
    const follower = await start();
    await writeFile(at('x'), 'new');
    await becomes(follower, { x: 'new' });
    await rm(at('x'));
    await becomes(follower, {});
    assert.deepEqual(follower.errors, []);
  });

  it('tells of files in new directories, and of directories that go', async () => {
    const follower = await start();
    await mkdir(at('a/b'), { recursive: true });
    await writeFile(at('a/b/x'), 'x');
    await becomes(follower, { 'a/b/x': 'x' });
    await mkdir(at('a/c'));
    await writeFile(at('a/c/y'), 'y');
    await becomes(follower, { 'a/b/x': 'x', 'a/c/y': 'y' });
    await rm(at('a'), { recursive: true });
    await becomes(follower, {});
  });

  it('tells of a file and of a directory renamed into place', async () => {
    const outside = await makeTemporary();
    await mkdir(join(outside, 'd'));
    await writeFile(join(outside, 'd/x'), 'x');
    await writeFile(join(outside, 'y'), 'y');
    const follower = await start();
    await rename(join(outside, 'd'), at('d'));
    await rename(join(outside, 'y'), at('y'));
    await becomes(follower, { 'd/x': 'x', y: 'y' });
    await rename(at('y'), at('d/x'));
    await becomes(follower, { 'd/x': 'y' });
    await removeTemporary(outside);
  });

  it('never takes a file half-written, and takes it in the end', async () => {
    await writeFile(at('old'), 'before');
    const follower = await start();
    await Promise.all([writeFile(at('old'), ''), writeFile(at('new'), '')]);
    for (let piece = 0; piece < 20; piece++) {
      await Promise.all([appendFile(at('old'), 'piece '), appendFile(at('new'), 'piece ')]);
      await sleep(50);
    }
    const whole = 'piece '.repeat(20);
    await becomes(follower, { old: whole, new: whole });
    assert.deepEqual([...new Set(follower.taken)], [whole]);
  });

  it('takes what was written long before a slow writer comes to its end', async () => {
    const follower = await start();
    const writing = new AbortController();
    const slowWriter = (async () => {
      while (!writing.signal.aborted) {
        await appendFile(at('slow'), 'x');
        await sleep(20);
      }
    })();
    await writeFile(at('quick'), 'quick');
    await eventually(() => assert.equal(follower.files.get('quick'), 'quick'));
    writing.abort();
    await slowWriter;
    await eventually(() => assert.match(follower.files.get('slow') ?? '', /^x+$/));
  });

  it('gathers a burst of changes', async () => {
    const follower = await start();
    const before = follower.changes();
    const names = Array.from({ length: 200 }, (_, index) => `f${index}`);
    await Promise.all(names.map((name) => writeFile(at(name), 'x')));
    await eventually(() => assert.equal(follower.files.size, 200));
    assert.ok(follower.changes() - before < 10, `${follower.changes() - before} calls`);
  });

  it('does not stir for what happens in .git', async () => {
    await mkdir(at('.git/refs'), { recursive: true });
    const follower = await start();
    const before = follower.changes();
    await writeFile(at('.git/refs/x'), 'x');
    await writeFile(at('.git/index'), 'x');
    await sleep(500);
    assert.equal(follower.changes(), before);
  });

  it('sees a link inside replaced, and never follows it', async () => {
    const outside = await makeTemporary();
    await writeFile(join(outside, 'x'), 'x');
    await symlink(outside, at('link'));
    const follower = await start();
    await rm(at('link'));
    await writeFile(at('link'), 'a file now');
    await becomes(follower, { link: 'a file now' });
    await rm(at('link'));
    await symlink(join(outside, 'x'), at('link'));
    await becomes(follower, { link: 'symlink' });
    await removeTemporary(outside);
  });

  for (const [what, place] of [
    ['the root', ''],
    ['an ancestor', 'deep/sigs'],
  ] as const) {
    it(`sees ${what} flipped, and goes on watching behind the link`, async () => {
      for (const name of ['one', 'two', 'three']) {
        await mkdir(at(name, place), { recursive: true });
        await writeFile(at(name, place, name), name);
      }
      await symlink('one', at('current'));
      const follower = await start(at('current', place));
      await becomes(follower, { one: '' });
      await flip(at('current'), 'two');
      await becomes(follower, { two: 'two' });
      await writeFile(at('two', place, 'later'), 'later');
      await becomes(follower, { two: 'two', later: 'later' });
      await rm(at('current'));
      await symlink('three', at('current'));
      await becomes(follower, { three: 'three' });
      await writeFile(at('three', place, 'later'), 'later');
      await becomes(follower, { three: 'three', later: 'later' });
    });
  }

  it('sees a link flipped that it came to know by a flip', async () => {
    for (const name of ['one', 'two']) {
      await mkdir(at(name));
      await writeFile(at(name, name), name);
    }
    await symlink('one', at('current'));
    await symlink('one', at('stable'));
    const follower = await start(at('current'));
    await writeFile(at('one/mark'), 'seen');
    await becomes(follower, { one: '', mark: 'seen' });
    await flip(at('current'), 'stable');
    await sleep(500);
    await flip(at('stable'), 'two');
    await becomes(follower, { two: 'two' });
  });

  it('says so when the root goes, and comes back with it', async () => {
    await mkdir(at('root'));
    await writeFile(at('root/x'), 'x');
    const follower = await start(at('root'));
    await rm(at('root'), { recursive: true });
    await eventually(() => assert.match(String(follower.errors[0]), /no such directory/));
    assert.deepEqual([...follower.files.keys()], ['x']);
    await mkdir(at('root'));
    await writeFile(at('root/y'), 'y');
    await becomes(follower, { y: 'y' });
  });

  it('costs next to nothing while much goes on beside it, and is followed all the same', async () => {
    await mkdir(at('root'));
    const names = Array.from({ length: 3000 }, (_, index) => at(`neighbour-${index}`));
    await Promise.all(names.map(async (name) => writeFile(name, '')));
    const follower = await start(at('root'));
    const script = 'for name in "$@"; do : > "$name"; sleep 0.005; done';
    const milliseconds = await measureProcessor(async () =>
      runOrThrow('sh', ['-c', script, 'sh', ...names.slice(0, 300)]),
    );
    assert.ok(milliseconds < 2000, `${milliseconds} ms of processor time for 300 writes`);
    await writeFile(at('root/x'), 'x');
    await becomes(follower, { x: 'x' });
  });

  it('is silent once it is stopped', async () => {
    const follower = await start();
    await writeFile(at('x'), 'half');
    await eventually(() => assert.ok(follower.changes() > 1, 'not yet'));
    await follower.stop();
    const before = follower.changes();
    await writeFile(at('y'), 'x');
    await sleep(500);
    assert.equal(follower.changes(), before);
  });

  it('can be stopped at once', async () => {
    await symlink('.', at('link'));
    for (const path of [root(), at('link')]) {
      let changes = 0;
      const source = await createDirectorySource(path, '');
      const stop = source.watch(() => changes++, assert.fail);
      await stop();
      await writeFile(at('x'), String(Math.random()));
      await sleep(300);
      assert.equal(changes, 0);
    }
  });
});
