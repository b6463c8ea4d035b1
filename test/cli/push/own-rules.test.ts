// Whose word counts where a repository and the command line both say how it is served and who may sign, and
// what people are told of it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { RunResult } from '../../kit/process/run.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import {
  DEFAULT_CONFIG,
  PUSHER,
  PushWorld,
  type SignedImage,
  stage,
} from '../../kit/push/push-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

describeWith(['git', 'gpg', 'gpgv'], 'a repository with rules of its own', () => {
  const directory = useTemporary();
  const staging = (): string => join(directory(), 'staging');
  let world: PushWorld;
  let image: SignedImage;
  let keys = '';
  let start = '';
  before(async () => {
    world = await PushWorld.make();
    image = await world.sign();
    keys = await world.signer.exportKeys(join(world.signer.home, 'given.asc'), world.key);
    start = await world.remote.git('rev-parse', 'HEAD');
  });
  after(() => world.stop());
  afterEach(async () => {
    await world.remote.git('reset', '--hard', '--quiet', start);
    await world.remote.push('--force');
  });

  const push = async (config: string, ...args: readonly string[]): Promise<RunResult> => {
    await world.remote.publish({ 'lookaside.yaml': config });
    await stage(staging(), [image]);
    return world.push([staging()], args);
  };
  const PATHS: readonly (readonly [
    what: string,
    config: string,
    needsKeys: boolean,
    at: string,
  ])[] = [
    ['comments only', '# nothing yet\n', true, 'given/'],
    ['scopes only', DEFAULT_CONFIG, false, 'given/'],
    ['another subtree', `path: own\n${DEFAULT_CONFIG}`, false, 'own/'],
  ];
  for (const [what, config, needsKeys, at] of PATHS) {
    it(`gets signatures below --path unless it says where: ${what}`, async () => {
      const given = needsKeys ? ['--keys', keys] : [];
      const { code, stdout, stderr } = await push(config, '--path', 'given', ...given);
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`: new: ${at}team/app@sha256=`));
      if (at === 'own/') assert.match(stderr, overruled('--path'));
      else assert.equal(stderr, '');
    });
  }

  it('says nothing of an option that says the same', async () => {
    const { code, stderr } = await push(`path: own\n${DEFAULT_CONFIG}`, '--path', 'own');
    assert.deepEqual([code, stderr], [0, '']);
  });

  it('is completed by other options: gpgv gets the time that is given', async () => {
    const limit = ['--gpgv-limit', '5s', '--dry-run'];
    assert.equal((await push(DEFAULT_CONFIG, ...limit)).stderr, '');
    const told = await push(`gpgv-limit: 1s\n${DEFAULT_CONFIG}`, ...limit);
    assert.match(told.stderr, overruled('--gpgv-limit'));
  });

  it('tells that keys beside its own have no effect, and where a key has to go', async () => {
    const stranger = await world.signer.makeKey({ algorithm: 'ed25519', name: 'Stranger' });
    image = await world.sign({ key: stranger });
    const file = join(directory(), 'stranger.asc');
    await world.signer.exportKeys(file, stranger);
    const refused = await push(DEFAULT_CONFIG, '--keys', file);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, overruled('--keys'));
    assert.match(refused.stdout, /: unknown-signer: /);
    assert.match(
      refused.stdout,
      /^ {2}hint: In a checkout of file:.*, put the public key \(gpg --export --armor KEY\) where "keys" of the image's scope in lookaside\.yaml points to, or name its file there, and push that; /m,
    );
    assert.doesNotMatch(refused.stdout, /--keys/);
    // The cure, as it is told.
    await world.remote.publish({ 'keys/stranger.asc': await world.exportKey(stranger) });
    const cured = await push(DEFAULT_CONFIG.replace('keys/signer.asc', '[keys]'));
    assert.equal(cured.code, 0, cured.stdout);
    image = await world.sign();
  });

  it('tells of an image outside its scopes what can be done in it', async () => {
    const { code, stdout } = await push('scopes:\n  other.example:\n    keys: keys\n');
    assert.equal(code, 1);
    assert.match(
      stdout,
      /: out-of-scope: .*\n {2}hint: Add a scope for the image to lookaside\.yaml of file:\S+ and push that, or sign under a name that a scope covers\.$/m,
    );
  });

  it('tells of a place that is deeper than its own limit allows what to change in it', async () => {
    const config = `max-path-depth: 3\n${DEFAULT_CONFIG}    prefix: prod/signatures\n`;
    const { code, stdout } = await push(config);
    assert.equal(code, 1, stdout);
    assert.match(
      stdout,
      /: path-too-deep: .*\n {2}hint: Shorten the prefix of the scope, or raise max-path-depth, in lookaside\.yaml of file:\S+, and push that\.$/m,
    );
  });

  it('is not praised for a policy that it does not have', async () => {
    const { stdout } = await push('# nothing yet\n', '--keys', keys);
    assert.match(
      stdout,
      /1 new; nodes with the keys or the policy that were given here accept the new signatures$/m,
    );
  });

  it('is written to by nobody in a dry run that a checked out branch would end', async () => {
    await stage(staging(), [image]);
    const { work } = world.remote;
    for (const to of [work, `file://${work}`]) {
      const { code, stderr } = await world.push([staging()], ['--dry-run'], { to });
      assert.equal(code, 2);
      assert.match(
        stderr,
        /^lookaside: \S+: main is checked out there, and git refuses to update a branch that is\nhint: push to a bare repository/,
      );
    }
    const other = await world.push([staging()], ['--dry-run', '--pull-request'], { to: work });
    assert.equal(other.code, 0, other.stderr);
    await world.remote.git('config', 'receive.denyCurrentBranch', 'ignore');
    try {
      assert.equal((await world.push([staging()], ['--dry-run'], { to: work })).code, 0);
      assert.equal((await world.push([staging()], [], { to: work })).code, 0);
    } finally {
      await world.remote.git('config', '--unset', 'receive.denyCurrentBranch');
    }
  });

  it('is signed for by a key that it has to get first, which is told before', async () => {
    const by = ['--sign-by', world.key.fingerprint, '--keys', keys];
    const { stderr } = await runLookaside(
      ['sign', '127.0.0.1:1/team/app:v1', ...by, '--to', world.remote.fileUrl],
      { env: { ...PUSHER, GNUPGHOME: world.signer.home } },
    );
    assert.match(stderr, overruled('--keys'));
  });
});

/** What is said of an option that the repository overrules. */
function overruled(option: string): RegExp {
  return new RegExp(
    `^lookaside: warning: ${option} has no effect: file:.*/signatures\\.git (?:has rules of its own, in|sets it in) its lookaside\\.yaml$`,
    'm',
  );
}
