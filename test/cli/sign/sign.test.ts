// What `lookaside sign` does with a registry, a gpg and a git that work. What goes wrong is in
// sign-faults.test.ts; that nodes accept what it makes, in test/e2e/sign.long.test.ts.
import assert from 'node:assert/strict';
import { lstat, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrThrow } from '../../kit/process/run.ts';
import { installHook } from '../../kit/push/push-world.ts';
import { SignWorld } from '../../kit/push/sign-world.ts';
import { architecture } from '../../kit/registry/scratch-image.ts';
import { formatLocation } from '../../kit/signer/signature-tree.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { useLookaside } from '../../kit/program/use-lookaside.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith, toolPath } from '../../with-tools.ts';

const KEYS = { one: { name: 'One' }, two: { name: 'Two' } };
type By = keyof typeof KEYS;

interface Signed {
  readonly commit: string | null;
  readonly signatures: readonly {
    readonly part: string | null;
    readonly identity: string;
    readonly digest: string;
    readonly status: string;
    readonly path?: string;
    readonly warnings?: readonly { readonly code: string }[];
  }[];
}

describeWith(['skopeo', 'docker-registry', 'gpg', 'gpgv', 'git'], 'lookaside sign', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let world: SignWorld<By>;
  before(async () => {
    world = await SignWorld.make(KEYS);
    await world.accept(['one', 'two']);
  });
  after(() => world.stop());

  /** Signs, and gives what it says to programs. */
  const sign = async (by: By, ...args: readonly string[]): Promise<Signed> => {
    const { code, stdout, stderr } = await world.sign(by, [...args, '--format', 'json']);
    assert.deepEqual([code, stderr], [0, '']);
    return JSON.parse(stdout) as Signed;
  };
  const statusesOf = async (by: By, ...args: readonly string[]): Promise<readonly string[]> =>
    (await sign(by, ...args)).signatures.map(({ status }) => status);
  const tip = async (): Promise<string> => world.remote.gitBare('rev-parse', 'main');

  it('signs the images of a file, beside those that it is told', async () => {
    const [one, other] = [
      await world.pushImage('team/listed', 'v1'),
      await world.pushImage('team/listed', 'v2'),
    ];
    const file = join(directory(), 'images');
    await writeFile(file, `# to sign again\n\n  ${one.reference}@${one.digest} # in use\n`);
    const signed = await sign('one', other.reference, '--images', file);
    assert.deepEqual(
      signed.signatures.map(({ digest, status }) => [digest, status]),
      [
        [other.digest, 'new'],
        [one.digest, 'new'],
      ],
    );
    assert.deepEqual(await statusesOf('one', '--images', file), ['there']);
  });

  it('signs an image under its name, and pushes the signature', async () => {
    const { reference, digest } = await world.pushImage('team/app', 'v1');
    const { code, stdout, stderr } = await world.sign('one', [reference]);
    assert.deepEqual([code, stderr], [0, '']);
    const [line, summary] = stdout.split('\n');
    assert.equal(line, `signed         ${reference}, ${digest}`);
    assert.match(
      summary ?? '',
      /^1 signature by One <.+> \([0-9A-F]{40}\) went to .+ \(main\), commit [0-9a-f]{12}; nodes that use the repository's policy accept the new signatures$/,
    );
    assert.ok((await world.signatures()).includes(formatLocation('team/app', digest, 1)));
  });

  it('signs the list and each platform, once', async () => {
    const list = await world.pushImage('team/list', 'v1', [architecture, 's390x']);
    const { name, digest, instances } = list;
    const { signatures } = await sign('one', `${name}:v1`, `${name}:v1@${digest}`);
    const parts = ['list', `linux/${architecture}`, 'linux/s390x'];
    const digests = [digest, ...instances.values()];
    assert.deepEqual(
      signatures.map(({ part, digest: signed, status }) => [part, signed, status]),
      [...parts, ...parts].map((part, at) => [part, digests[at % 3], 'new']),
    );
    assert.equal(new Set(signatures.map(({ path }) => path)).size, 3);
  });

  it('leaves out platforms that are not wanted, and attestations', async () => {
    const list = await world.pushImage('team/attested', 'v1', [architecture, 's390x', 'unknown']);
    const args = [list.reference, '--platform', 'linux/s390x', '--format', 'json'];
    const { code, stdout, stderr } = await world.sign('one', args);
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /^lookaside: .*: 1 entry without a platform, such as an attestation, was not signed: nodes never pull it\n$/,
    );
    const { signatures } = JSON.parse(stdout) as Signed;
    assert.deepEqual(
      signatures.map(({ part }) => part),
      ['list', 'linux/s390x'],
    );
  });

  it('does not sign again what the same key has signed there, unless told', async () => {
    const { reference, digest } = await world.pushImage('team/twice', 'v1');
    assert.deepEqual(await statusesOf('one', reference), ['new']);
    const before = await tip();
    assert.deepEqual(await statusesOf('one', reference), ['there']);
    assert.equal(await tip(), before);
    const { stdout } = await world.sign('one', [reference]);
    assert.match(stdout, /^already there {2}.*\nnothing to do: .* has all signatures by One/);
    // Another key, another tag, the same once more, another digest.
    assert.deepEqual(await statusesOf('two', reference), ['new']);
    assert.deepEqual(await statusesOf('one', `${reference}.1@${digest}`), ['new']);
    assert.deepEqual(await statusesOf('one', reference, '--again'), ['new']);
    await world.pushImage('team/twice', 'v1');
    assert.deepEqual(await statusesOf('one', reference), ['new']);
  });

  it('says what it would sign, and does not', async () => {
    const { reference } = await world.pushImage('team/dry', 'v1');
    const before = await tip();
    const { code, stdout } = await world.sign('one', [reference, '--dry-run']);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^would sign {5}.*\n1 signature by One .* would go to .*\nnot tried: the passphrase or PIN of the key, and what the host decides at the push itself \(hooks, protected branches\)\n$/,
    );
    assert.equal(await tip(), before);
  });

  it('signs under another name, with the tag of the image', async () => {
    const { reference } = await world.pushImage('mirror/app', 'v7');
    const identity = `${world.registry.host}/origin/app`;
    const [signed] = (await sign('one', reference, '--identity', identity)).signatures;
    assert.equal(signed?.identity, `${identity}:v7`);
    assert.match(signed.path ?? '', /^origin\/app@sha256=/);
  });

  it('warns of what is signed by its digest alone', async () => {
    const { name, digest } = await world.pushImage('team/digest', 'v1');
    const { code, stderr } = await world.sign('one', [`${name}@${digest}`]);
    assert.equal(code, 0);
    assert.match(
      stderr,
      /^lookaside: warning: .* is signed under its digest: nodes accept .*\nhint: .*NAME:TAG@sha256/,
    );
  });

  it('tells of the keys that have to sign too', async () => {
    await world.accept(['one', 'two'], { require: 'all', prefix: 'both' });
    try {
      const { reference } = await world.pushImage('team/both', 'v1');
      const [first] = (await sign('one', reference)).signatures;
      assert.match(first?.path ?? '', /^both\/team\/both@/);
      assert.deepEqual(
        first?.warnings?.map(({ code }) => code),
        ['co-signature-missing'],
      );
      const [second] = (await sign('two', reference)).signatures;
      assert.deepEqual(second?.warnings, []);
    } finally {
      await world.accept(['one', 'two']);
    }
  });

  it('proposes signatures on a branch of their own', async () => {
    const { reference } = await world.pushImage('team/proposed', 'v1');
    const before = await tip();
    const { code, stdout, stderr } = await world.sign('one', [reference, '--pull-request']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /\n1 signature by One .* proposed for .* \(main\), commit [0-9a-f]{12};/);
    const [, branch = ''] = /^open a request to merge into main as (\S+): /m.exec(stdout) ?? [];
    assert.equal(await tip(), before);
    assert.equal(await world.remote.gitBare('rev-parse', `${branch}~`), before);
  });

  it('signs nothing that is proposed already, and tells where', async () => {
    const { reference } = await world.pushImage('team/pending', 'v1', ['amd64', 's390x']);
    const calls = join(directory(), 'calls');
    const gpg = join(directory(), 'gpg');
    const script = `#!/bin/sh\necho "$*" >>'${calls}'\nexec '${toolPath('gpg')}' "$@"\n`;
    await writeFile(gpg, script, { mode: 0o755 });
    const first = await world.sign('one', [reference, '--pull-request']);
    const args = [reference, '--pull-request', '--gpg', gpg];
    const { code, stdout, stderr } = await world.sign('one', args);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^(?:proposed .*\n){3}nothing to do: 3 signatures by One .* are proposed for .* already\n/,
    );
    const proposed = /lookaside\/[0-9a-f]+/.exec(first.stdout)?.[0] ?? '';
    assert.match(
      stdout,
      new RegExp(`\nthe branch ${proposed} is there already; open or look at the request .*\n$`),
    );
    assert.doesNotMatch(await readFile(calls, 'utf8'), /--sign$/m);
    const { signatures, proposal } = JSON.parse(
      (await world.sign('one', [...args, '--format', 'json'])).stdout,
    ) as { signatures: { status: string }[]; proposal: { isEarlier: boolean } };
    assert.deepEqual(
      signatures.map(({ status }) => status),
      Array(3).fill('proposed'),
    );
    assert.equal(proposal.isEarlier, true);
    // A host that keeps no branches says it only at the push.
    const forGitea = [reference, '--pull-request', '--forge', 'gitea'];
    const { gitBare, path } = world.remote;
    await gitBare('config', 'receive.advertisePushOptions', 'true');
    await gitBare('branch', '-D', proposed);
    await installHook(
      path,
      'pre-receive',
      'echo "request \\`force-push\\` push option" >&2; exit 1',
    );
    try {
      const late = await world.sign('one', forGitea);
      assert.equal(late.code, 0, late.stderr);
      assert.match(
        late.stdout,
        /^(?:proposed .*\n){3}nothing to do: 3 .* proposed for .* already\n/,
      );
    } finally {
      await gitBare('config', 'receive.advertisePushOptions', 'false');
      await installHook(path, 'pre-receive', 'exit 0');
    }
    // Of somebody else, they are others.
    const other = await world.sign('two', [reference, '--pull-request']);
    assert.match(other.stdout, /\n3 signatures by Two .* proposed for /);
  });

  it('proposes with --again what is proposed already, and both can be merged', async () => {
    const { reference } = await world.pushImage('team/proposed-twice', 'v1');
    const { git } = world.remote;
    await git('fetch', '--quiet', 'origin');
    await git('reset', '--quiet', '--hard', 'origin/main');
    // One path only, where both are made in the same second: they are the same bytes then.
    const proposed = new Set<string>();
    for (const again of [[], ['--again']]) {
      const args = [reference, '--pull-request', ...again];
      const { code, stdout, stderr } = await world.sign('one', args);
      assert.equal(code, 0, stderr);
      const [, branch = ''] = /^open a request to merge into main as (\S+): /m.exec(stdout) ?? [];
      await git('fetch', '--quiet', 'origin', branch);
      const changed = await git('diff', '--name-only', 'origin/main', 'FETCH_HEAD');
      for (const path of changed.split('\n')) proposed.add(path);
      await git('merge', '--quiet', '--no-edit', 'FETCH_HEAD');
    }
    const keys = ['--keys', await world.keyFile('one'), '--keys', await world.keyFile('two')];
    const checked = await runLookaside(['check', world.remote.work, ...keys, '--format', 'json']);
    const { files } = JSON.parse(checked.stdout) as { files: { path: string; status: string }[] };
    const accepted = files.filter(({ status }) => status === 'accepted').map(({ path }) => path);
    const there = accepted.filter((path) => path.startsWith('team/proposed-twice@'));
    assert.deepEqual(there.toSorted(), [...proposed].toSorted());
  });

  it('waits until the store serves what was pushed', async () => {
    const { reference } = await world.pushImage('team/awaited', 'v1');
    const keys = ['--keys', await world.keyFile('one'), '--keys', await world.keyFile('two')];
    const state = ['--state-dir', directory(), '--poll', '100ms'];
    const server = await servers.startHere(world.remote.path, [...keys, ...state]);
    const { code, stdout, stderr } = await world.sign('one', [reference, '--wait', server.baseUrl]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /\nserved after \d+\.\d s\n$/);
    // What an earlier run has pushed is waited for as well, here at a store that does not have it.
    const again = await world.sign('one', [reference, '--wait', server.baseUrl]);
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /^already there .*\nnothing to do: .*\nserved after \d+\.\d s\n$/);
    const none = join(directory(), 'none');
    await mkdir(none);
    const empty = await servers.startHere(none, [...keys, '--state-dir', join(directory(), 'own')]);
    const args = [reference, '--wait', empty.baseUrl, '--timeout', '1s'];
    const vain = await world.sign('one', args);
    assert.equal(vain.code, 2, vain.stdout);
    assert.match(vain.stdout, /nothing to do: /);
  });

  it('signs an image once that is named twice', async () => {
    const { reference } = await world.pushImage('team/named', 'latest');
    const bare = reference.replace(/:latest$/, '');
    assert.deepEqual(await statusesOf('one', reference, reference, bare), ['new']);
  });

  describe('into a directory', () => {
    it('writes beside what is there', async () => {
      const { reference, digest } = await world.pushImage('team/out', 'v1');
      const out = join(directory(), 'staging');
      const signOut = async (by: By) => world.sign(by, [reference, '--out', out], { to: '' });
      for (const by of ['one', 'two'] as const) {
        const { code, stdout, stderr } = await signOut(by);
        assert.equal(code, 0, stderr);
        assert.match(
          stdout,
          /^signed .*\n1 signature by .* went to \/.*; nodes that accept this key for these images accept the new signatures$/m,
        );
      }
      const first = await readFile(join(out, formatLocation('team/out', digest, 1)));
      assert.match((await signOut('one')).stdout, /^already there/);
      assert.deepEqual(await readFile(join(out, formatLocation('team/out', digest, 1))), first);
      const keys = [await world.keyFile('one'), await world.keyFile('two')];
      const flags = keys.flatMap((file) => ['--keys', file]);
      const { code, stdout } = await runLookaside(['check', out, ...flags]);
      assert.equal(code, 0);
      assert.match(stdout, /2 accepted/);
    });

    it('passes over what is no file among the signatures', async () => {
      const { reference, digest } = await world.pushImage('team/pipes', 'v1');
      const out = join(directory(), 'staging');
      const at = (number: number): string =>
        join(out, formatLocation('team/pipes', digest, number));
      await mkdir(at(2), { recursive: true });
      await runOrThrow('mkfifo', [at(1)]);
      await symlink(at(1), at(3));
      const { code, stderr } = await world.sign('one', [reference, '--out', out], { to: '' });
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal((await lstat(at(4))).isFile(), true);
    });

    it('goes by the policy that is given', async () => {
      const { reference } = await world.pushImage('team/strict', 'v1');
      const config = join(directory(), 'lookaside.yaml');
      await writeFile(config, JSON.stringify({ keys: await world.keyFile('two') }));
      const args = [reference, '--out', join(directory(), 'out'), '--config', config];
      const refused = await world.sign('one', args, { to: '' });
      assert.equal(refused.code, 1);
      assert.match(refused.stdout, /^refused .*: unknown-signer: /);
      assert.match(refused.stdout, /hint: Add the public key with `--keys`/);
      const good = await world.sign('two', args, { to: '' });
      assert.equal(good.code, 0);
      assert.match(
        good.stdout,
        /; nodes with the keys or the policy that were given here accept the new signatures$/m,
      );
    });
  });
});
