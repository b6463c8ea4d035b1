import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TriedCommit } from '../../../server/follow/tried-commit.ts';
import { useTemporary } from '../../kit/temporary.ts';

const COMMIT = 'a'.repeat(40);
const OTHER = 'b'.repeat(40);
const HOUR = 3_600_000;

describe('the commit that is being judged', () => {
  const directory = useTemporary();
  let elapsed = 0;
  let errors: unknown[] = [];
  const path = () => join(directory(), 'x.tried');

  beforeEach(() => {
    [elapsed, errors] = [0, []];
  });

  const run = (): TriedCommit =>
    new TriedCommit({
      path: path(),
      elapsed: () => elapsed,
      onError: (error) => void errors.push(error),
    });
  /** A run that dies at a commit. */
  const die = async (commit: string): Promise<void> => run().begin(commit);

  it('waits after it has ended two runs, and longer each time, up to an hour', async () => {
    const pauses: (number | undefined)[] = [];
    for (let death = 0; death < 12; death++) {
      pauses.push(await run().pauseFor(COMMIT));
      await die(COMMIT);
    }
    const [never, chance, second, third] = pauses;
    assert.deepEqual([never, chance, second, third], [undefined, undefined, 30_000, 60_000]);
    assert.equal(pauses.at(-1), HOUR);
    assert.deepEqual(errors, []);
  });

  it('waits no longer than that', async () => {
    await die(COMMIT);
    await die(COMMIT);
    const tried = run();
    elapsed = 20_000;
    assert.equal(await tried.pauseFor(COMMIT), 10_000);
    elapsed = 30_000;
    assert.equal(await tried.pauseFor(COMMIT), undefined);
  });

  it('holds up no other commit, and counts anew after one', async () => {
    await die(COMMIT);
    await die(COMMIT);
    assert.equal(await run().pauseFor(OTHER), undefined);
    await die(OTHER);
    assert.equal(await run().pauseFor(COMMIT), undefined);
  });

  it('is forgotten when it was judged', async () => {
    await die(COMMIT);
    await die(COMMIT);
    const tried = run();
    await tried.begin(COMMIT);
    await tried.end();
    assert.equal(await tried.pauseFor(COMMIT), undefined);
    assert.equal(await run().pauseFor(COMMIT), undefined);
    assert.deepEqual(await readdir(directory()), []);
  });

  const damage: Readonly<Record<string, () => Promise<unknown>>> = {
    'is empty': async () => writeFile(path(), ''),
    'is cut short': async () => writeFile(path(), COMMIT),
    'is long': async () => writeFile(path(), `${COMMIT} 9\n`.repeat(100)),
    'is of another form': async () => writeFile(path(), `${COMMIT} many\n`),
    'is a directory': async () => mkdir(path()),
  };
  for (const [what, inflict] of Object.entries(damage)) {
    it(`holds up nothing when the note ${what}`, async () => {
      await inflict();
      assert.equal(await run().pauseFor(COMMIT), undefined);
    });
  }

  it('tells of a note that cannot be written, and goes on', async () => {
    await mkdir(path());
    await die(COMMIT);
    assert.equal(errors.length, 1);
  });

  it('is noted in one line', async () => {
    await die(COMMIT);
    assert.equal(await readFile(path(), 'utf8'), `${COMMIT} 1\n`);
  });
});
