// A push that the rules of the repository would refuse as a whole is refused before it is made.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { DEFAULT_CONFIG, PushWorld, stage } from '../../kit/push/push-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

/** The configuration, a key, a README and one signature. */
const LIMIT = 4;

describeWith(['git', 'gpg'], 'a push to a repository with a limit of its own', () => {
  const directory = useTemporary();
  let world: PushWorld;
  let staging: string;

  beforeEach(async () => {
    world = await PushWorld.make(`max-entries: ${LIMIT}\n${DEFAULT_CONFIG}`);
    staging = join(directory(), 'staging');
    await stage(staging, [await world.sign(), await world.sign({ repository: 'team/other' })]);
  });
  afterEach(async () => world.stop());

  const excess = `it has ${LIMIT + 1} files or more, but --max-entries allows ${LIMIT}`;
  const cure =
    'remove from the branch what does not belong there, or raise the budget: see docs/limits.md';

  for (const kind of ['path', 'fileUrl'] as const) {
    it(`is refused as a whole, in the words of the hook: ${kind}`, async () => {
      const to = world.remote[kind];
      for (const args of [[], ['--dry-run'], ['--keep-going'], ['--pull-request'], ['--clear']]) {
        const { code, stdout, stderr } = await world.push([staging], args, { to });
        assert.equal(code, 1, stderr);
        assert.ok(
          stdout.includes(
            `state-refused: the repository would be refused: ${excess}\n  hint: ${cure}\n`,
          ),
          stdout,
        );
        assert.match(stdout, /nothing was pushed to .*: 2 would be new\n/);
        assert.equal((await world.signatures()).size, 0);
        assert.equal(await world.remote.gitBare('branch', '--list', 'lookaside/*'), '');
      }
      const { stdout } = await world.push([staging], ['--format', 'json'], { to });
      const { refused } = JSON.parse(stdout) as { refused: object };
      assert.deepEqual(refused, { code: 'state-refused', message: excess, hint: cure });
    });
  }

  it('says what a check of the same state says', async () => {
    const { work } = world.remote;
    await stage(work, [await world.sign(), await world.sign({ repository: 'team/other' })]);
    await world.remote.commit();
    const { code, stdout } = await runLookaside(['check', work, '--base', 'HEAD~1']);
    assert.equal(code, 1);
    assert.ok(stdout.includes(`${excess}\n  hint: ${cure}\n`), stdout);
  });

  it('is made where there is room', async () => {
    const image = await world.sign();
    const [path = ''] = await stage(join(directory(), 'one'), [image]);
    const { code, stdout } = await world.push([join(directory(), 'one')]);
    assert.equal(code, 0, stdout);
    assert.deepEqual([...(await world.signatures()).keys()], [path]);
    const again = await world.push([join(directory(), 'one')]);
    assert.equal(again.code, 0, again.stdout);
  });
});
