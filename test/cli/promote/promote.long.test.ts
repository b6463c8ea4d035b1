// What `lookaside promote` does between two stages that work, each with a registry and a signature repository.
// What goes wrong is in promote-faults.long.test.ts; three stages with nodes, in test/e2e/stages.long.test.ts.
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, runOrThrow } from '../../kit/process/run.ts';
import { useLookaside } from '../../kit/program/use-lookaside.ts';
import { TwoStages } from '../../kit/push/stages.ts';
import type { PushedImage } from '../../kit/registry/registry.ts';
import { formatLocation } from '../../kit/signer/signature-tree.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

interface Promoted {
  readonly commit: string | null;
  readonly proposal: { readonly isEarlier?: boolean } | null;
  readonly signatures: readonly {
    readonly part: string | null;
    readonly identity: string;
    readonly digest: string;
    readonly status: string;
    readonly code?: string;
  }[];
  readonly promotions: readonly {
    readonly target: string;
    readonly digest: string;
    readonly signers: readonly { readonly fingerprint: string; readonly name: string }[];
    readonly missing: readonly string[];
    readonly copy: { readonly status: string; readonly code?: string } | null;
  }[];
}

interface Queue {
  readonly images: readonly {
    readonly image: string;
    readonly target: string;
    readonly digest: string;
    readonly status: string;
    readonly toSign: readonly (readonly string[])[];
  }[];
}

async function isCopied(name: string): Promise<boolean> {
  const args = ['inspect', '--raw', '--tls-verify=false', `docker://${name}`];
  return (await run('skopeo', args)).code === 0;
}

function statusesOf({ signatures }: Promoted): readonly string[] {
  return signatures.map(({ status }) => status);
}

describeWith(['skopeo', 'docker-registry', 'gpg', 'gpgv', 'git'], 'lookaside promote', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let stages: TwoStages;
  let list: PushedImage;
  let single: PushedImage;
  before(async () => {
    stages = await TwoStages.make();
    const { dev } = stages;
    list = await dev.pushImage('team/list', '1.0', ['amd64', 's390x']);
    single = await dev.pushImage('team/single', '1.0');
    for (const by of ['dev', 'tester'] as const) {
      const { code, stderr } = await dev.sign(by, [list.reference, single.reference]);
      assert.equal(code, 0, stderr);
    }
  });
  after(() => stages.stop());

  const toNext = (name: string): string =>
    name.replace(stages.dev.registry.host, stages.next.registry.host);
  const tip = async (): Promise<string> => stages.next.remote.gitBare('rev-parse', 'main');

  /** Promotes, and gives what it says to programs. */
  async function promote(
    args: readonly string[],
    wanted = 0,
    by: 'qa' | 'release' = 'qa',
  ): Promise<Promoted> {
    const from = args.includes('--server') ? [] : await stages.fromDev('dev', 'tester');
    const all = [...args, ...from, '--format', 'json'];
    const { code, stdout, stderr } = await stages.promote(all, { by });
    assert.equal(code, wanted, stderr + stdout);
    return JSON.parse(stdout) as Promoted;
  }

  it('says what would be signed, by whom it is signed now, and does nothing', async () => {
    const before = await tip();
    const from = await stages.fromDev('dev', 'tester');
    const { code, stdout } = await stages.promote([list.reference, ...from, '--dry-run', '--copy']);
    assert.equal(code, 0);
    const told = stdout.split('\n');
    assert.match(
      told[0] ?? '',
      new RegExp(
        `^at its stage   ${list.reference}, ${list.digest}: signed by Dev <.*> \\([0-9A-F]{40}\\) and Tester <.*> \\([0-9A-F]{40}\\), `,
      ),
    );
    for (const [at, part] of ['list', 'linux/amd64', 'linux/s390x'].entries()) {
      const line = `would sign     ${list.reference}, ${part}, as ${toNext(list.reference)}, sha256:`;
      assert.ok(told[at + 1]?.startsWith(line), stdout);
    }
    assert.equal(await tip(), before);
    assert.equal(await isCopied(toNext(list.reference)), false);
  });

  it('lists what waits, until the next stage accepts it', async () => {
    const { images } = await promoteList();
    const told = images.map(({ image, ...one }) => [image, [one.target, one.digest, one.status]]);
    assert.deepEqual(
      Object.fromEntries(told),
      Object.fromEntries(
        [list, single].map((one) => [one.reference, [toNext(one.reference), one.digest, 'ready']]),
      ),
    );
    const { keys } = stages.next;
    const all = [keys.qa.fingerprint, keys.release.fingerprint].toSorted();
    for (const { toSign } of images)
      assert.deepEqual(
        toSign.map((one) => one.toSorted()),
        [all],
      );
  });

  async function promoteList(): Promise<Queue> {
    const from = await stages.fromDev('dev', 'tester');
    const { code, stdout, stderr } = await stages.promote([...from, '--list', '--format', 'json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Queue;
  }

  it('copies a list whole, signs it and each platform, and once', async () => {
    const first = await promote([list.reference, '--copy']);
    assert.deepEqual(statusesOf(first), ['new', 'new', 'new']);
    assert.deepEqual(
      first.signatures.map(({ identity, digest }) => [identity, digest]),
      [list.digest, ...list.instances.values()].map((digest) => [toNext(list.reference), digest]),
    );
    assert.deepEqual(first.promotions[0]?.copy, { status: 'copied' });
    assert.equal(first.promotions[0]?.missing.length, 0);
    for (const digest of [list.digest, ...list.instances.values()]) {
      assert.ok(await isCopied(`${toNext(list.name)}@${digest}`), digest);
    }
    const before = await tip();
    const second = await promote([list.reference, '--copy']);
    assert.deepEqual(statusesOf(second), ['there', 'there', 'there']);
    assert.deepEqual(second.promotions[0]?.copy, { status: 'there' });
    assert.deepEqual([second.commit, await tip()], [null, before]);
    const { images } = await promoteList();
    assert.deepEqual(
      images.map(({ image }) => image),
      [single.reference],
    );
  });

  it('signs ahead of the copy, and copies later', async () => {
    const image = await stages.dev.pushImage('team/ahead', '1.0');
    for (const by of ['dev', 'tester'] as const) await stages.dev.sign(by, [image.reference]);
    assert.deepEqual(statusesOf(await promote([image.reference])), ['new']);
    assert.equal(await isCopied(toNext(image.reference)), false);
    const later = await promote([image.reference, '--copy']);
    assert.deepEqual(statusesOf(later), ['there']);
    assert.deepEqual(later.promotions[0]?.copy, { status: 'copied' });
    assert.ok(await isCopied(toNext(image.reference)));
  });

  it('reads the store of the stage as nodes do', async () => {
    const keys = [await stages.dev.keyFile('dev'), await stages.dev.keyFile('tester')];
    const flags = keys.flatMap((key) => ['--keys', key]);
    const state = ['--state-dir', join(directory(), 'state')];
    const store = await servers.startHere(stages.dev.remote.path, [...flags, ...state]);
    const required = keys.flatMap((key) => ['--require', key]);
    const from = ['--server', `${store.baseUrl}/`, ...flags, ...required];
    const { signatures, promotions } = await promote([single.reference, ...from, '--dry-run']);
    assert.deepEqual(
      signatures.map(({ status }) => status),
      ['held'],
    );
    assert.deepEqual(
      promotions[0]?.signers.map(({ name }) => name.split(' ', 1)[0]),
      ['Dev', 'Tester'],
    );
  });

  it('takes patterns and a file, and leaves out what lacks a signer only if told', async () => {
    const lacking = await stages.dev.pushImage('team/lacking', '1.0');
    await stages.dev.sign('dev', [lacking.reference]);
    const file = join(directory(), 'images');
    await writeFile(file, `# all of it\n${stages.dev.registry.host}/team/*:1.*\n`);
    const before = await tip();
    const refused = await promote(['--images', file], 1);
    assert.equal(refused.commit, null);
    assert.equal(await tip(), before);
    const byStatus = new Map(refused.signatures.map((one) => [one.identity, one]));
    assert.equal(byStatus.get(toNext(lacking.reference))?.code, 'signer-missing');
    assert.equal(byStatus.get(toNext(single.reference))?.status, 'held');
    assert.equal(byStatus.get(toNext(list.reference))?.status, 'there');
    const going = await promote(['--images', file, '--keep-going', '--dry-run'], 1);
    assert.equal(going.commit, null);
    const done = await promote(['--images', file, '--keep-going'], 1);
    const pushed = done.signatures.filter(({ status }) => status === 'new');
    assert.deepEqual(
      pushed.map(({ identity }) => identity),
      [toNext(single.reference)],
    );
    assert.notEqual(await tip(), before);
    const { images } = await promoteList();
    assert.deepEqual(
      images.map(({ image, status }) => [image, status]),
      [[lacking.reference, 'waiting']],
    );
    const from = await stages.fromDev('dev');
    const none = await stages.promote([`${stages.dev.registry.host}/team/*:2.*`, ...from]);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /no image that is signed there fits ".*\/team\/\*:2\.\*"\nhint: \*/);
  });

  it('proposes once, and copies over no tag that is in use', async () => {
    const image = await stages.dev.pushImage('team/single', '1.0');
    for (const by of ['dev', 'tester'] as const) await stages.dev.sign(by, [image.reference]);
    await stages.dev.registry.copy(single.name + `@${single.digest}`, toNext(single.reference));
    const before = await tip();
    const taken = await promote([image.reference, '--pull-request', '--copy'], 1);
    assert.deepEqual(
      taken.signatures.map(({ code }) => code),
      ['tag-in-use'],
    );
    assert.equal(taken.promotions[0]?.copy?.code, 'tag-in-use');
    const other = await stages.dev.pushImage('team/other', '1.0');
    for (const by of ['dev', 'tester'] as const) await stages.dev.sign(by, [other.reference]);
    const both = [image.reference, other.reference, '--pull-request', '--copy', '--keep-going'];
    const part = await promote(both, 1);
    assert.deepEqual(statusesOf(part), ['refused', 'new']);
    assert.ok(await isCopied(toNext(other.reference)));
    const first = await promote([image.reference, '--pull-request']);
    assert.deepEqual(statusesOf(first), ['new']);
    assert.equal(await tip(), before);
    const second = await promote([image.reference, '--pull-request']);
    assert.deepEqual(statusesOf(second), ['proposed']);
    assert.equal(second.proposal?.isEarlier, true);
  });

  it('copies attestations, which nobody signs', async () => {
    const image = await stages.dev.registry.pushImage({
      repository: 'team/attested',
      tag: '1.0',
      architectures: ['amd64', 's390x'],
      isAttested: true,
    });
    for (const by of ['dev', 'tester'] as const) await stages.dev.sign(by, [image.reference]);
    const { signatures, promotions } = await promote([image.reference, '--copy']);
    assert.deepEqual(
      signatures.map(({ part, status }) => [part, status]),
      [
        ['list', 'new'],
        ['linux/amd64', 'new'],
        ['linux/s390x', 'new'],
      ],
    );
    assert.deepEqual(promotions[0]?.copy, { status: 'copied' });
    for (const digest of [image.digest, ...image.instances.values()]) {
      assert.ok(await isCopied(`${toNext(image.name)}@${digest}`), digest);
    }
    const again = await promote([image.reference, '--copy']);
    assert.deepEqual(again.promotions[0]?.copy, { status: 'there' });
  });

  /** What the next stage has under the name of an image. */
  async function digestThere(name: string): Promise<string> {
    const args = ['inspect', '--tls-verify=false', '--format', '{{.Digest}}'];
    return (await runOrThrow('skopeo', [...args, `docker://${toNext(name)}`])).stdout.trim();
  }

  describe('of a tag that nodes of the next stage pull', () => {
    let old: PushedImage;
    let image: PushedImage;
    let count = 0;
    beforeEach(async () => {
      count += 1;
      old = await stages.dev.pushImage(`moving/app${count}`, 'latest');
      await stages.dev.registry.copy(old.reference, toNext(old.reference));
      image = await stages.dev.pushImage(`moving/app${count}`, 'latest');
      for (const by of ['dev', 'tester'] as const) await stages.dev.sign(by, [image.reference]);
    });

    it('moves it once the signature is pushed, and not before', async () => {
      const hooks = join(stages.next.remote.path, 'hooks');
      await mkdir(hooks, { recursive: true });
      const hook = join(hooks, 'pre-receive');
      await writeFile(hook, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
      try {
        const from = await stages.fromDev('dev');
        const { code } = await stages.promote([image.reference, ...from, '--copy']);
        assert.notEqual(code, 0);
        assert.equal(await digestThere(image.reference), old.digest);
      } finally {
        await rm(hook);
      }
      // Nothing serves the signature there.
      const nowhere = ['--wait', 'http://127.0.0.1:1', '--timeout', '1s'];
      const from = await stages.fromDev('dev');
      const unserved = await stages.promote([image.reference, ...from, '--copy', ...nowhere]);
      assert.equal(unserved.code, 2);
      assert.match(unserved.stderr, /pushed, but not served yet/);
      assert.equal(await digestThere(image.reference), old.digest);
      const { promotions } = await promote([image.reference, '--copy']);
      assert.deepEqual(promotions[0]?.copy, { status: 'copied' });
      assert.equal(await digestThere(image.reference), image.digest);
    });

    it('leaves it until everybody has signed', async () => {
      const host = stages.next.registry.host;
      await stages.next.accept(['qa', 'release'], { require: 'all' });
      try {
        const one = await promote([image.reference, '--copy'], 1);
        assert.equal(one.promotions[0]?.copy?.code, 'tag-in-use');
        assert.equal(await digestThere(image.reference), old.digest);
        assert.deepEqual(statusesOf(await promote([image.reference])), ['new']);
        const both = await promote([image.reference, '--copy'], 0, 'release');
        assert.deepEqual(both.promotions[0]?.copy, { status: 'copied' });
        assert.equal(await digestThere(image.reference), image.digest);
      } finally {
        await stages.next.accept(['qa', 'release'], {}, host);
      }
    });

    it('moves it for the same command once the proposal is merged', async () => {
      const command = [image.reference, '--pull-request', '--copy'];
      const taken = await promote(command, 1);
      assert.equal(taken.promotions[0]?.copy?.code, 'tag-in-use');
      await promote([image.reference, '--pull-request']);
      const branch = await stages.next.remote.gitBare(
        'for-each-ref',
        '--sort=-creatordate',
        '--count=1',
        '--format=%(refname)',
        'refs/heads/lookaside/',
      );
      await stages.next.remote.gitBare('update-ref', 'refs/heads/main', branch);
      const { promotions } = await promote(command);
      assert.deepEqual(promotions[0]?.copy, { status: 'copied' });
      assert.equal(await digestThere(image.reference), image.digest);
    });
  });

  it('is an error for different images that would have one name', async () => {
    const [one, two] = await Promise.all(
      ['a', 'b'].map(async (name) => stages.dev.pushImage(`${name}/app`, '1.0')),
    );
    assert.ok(one && two);
    const { host } = stages.dev.registry;
    const maps = ['a', 'b'].flatMap((name) => ['--map', `${host}/${name}=example.com/team`]);
    const from = await stages.fromDev('dev');
    const { code, stderr } = await stages.promote([one.reference, two.reference, ...from, ...maps]);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /a\/app:1.0 and .*\/b\/app:1.0 are different images, and both would be example.com\/team\/app:1.0\nhint: /,
    );
  });

  it('lists as waiting what nobody has signed under the digest that its tag has now', async () => {
    const image = await stages.dev.pushImage('moved/app', '1.0');
    await stages.dev.sign('dev', [image.reference]);
    await stages.dev.pushImage('moved/app', '1.0');
    const keys = ['--keys', await stages.dev.keyFile('dev')];
    const from = ['--from', stages.dev.remote.path, ...keys];
    const args = [`${image.name}:*`, ...from, '--list', '--format', 'json'];
    const { code, stdout, stderr } = await stages.promote(args);
    assert.equal(code, 0, stderr);
    const { images } = JSON.parse(stdout) as Queue;
    assert.deepEqual(
      images.map(({ status }) => status),
      ['waiting'],
    );
  });

  it('passes over what a pattern finds and no node could pull', async () => {
    const { registry, remote, signer, keys } = stages.dev;
    const odd = await registry.pushImage({
      repository: 'odd/app',
      tag: '1.0',
      architectures: ['unknown'],
      isAttested: true,
    });
    const claims = { dockerReference: odd.reference, manifestDigest: odd.digest };
    const bytes = await signer.sign(keys.dev, claims);
    await remote.git('pull', '--quiet', '--ff-only', 'origin', 'main');
    await remote.publish({ [formatLocation('odd/app', odd.digest, 1)]: bytes });
    const from = await stages.fromDev('dev');
    const { code, stderr } = await stages.promote([`${odd.name}:*`, ...from, '--list']);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /note: .*\/odd\/app:1.0 is left out: the list of .* names no platform /);
    const named = await stages.promote([odd.reference, ...from]);
    assert.equal(named.code, 1);
  });

  it('passes over what a pattern finds and the registry no longer has', async () => {
    const { host } = stages.dev.registry;
    const gone = `${host}/team/gone:1.0@sha256:${'0'.repeat(64)}`;
    const claims = {
      dockerReference: `${host}/team/gone:1.0`,
      manifestDigest: gone.split('@')[1] ?? '',
    };
    const bytes = await stages.dev.signer.sign(stages.dev.keys.dev, claims);
    const path = `team/gone@sha256=${'0'.repeat(64)}/signature-1`;
    await stages.dev.remote.git('pull', '--quiet', '--ff-only', 'origin', 'main');
    await stages.dev.remote.publish({ [path]: bytes });
    const from = await stages.fromDev('dev');
    const { code, stdout, stderr } = await stages.promote([`${host}/team/[gl]*`, ...from]);
    assert.equal(code, 2, stdout + stderr);
    const found = await stages.promote([`${host}/team/g*`, `${host}/team/list:*`, ...from]);
    assert.equal(found.code, 0, found.stderr);
    assert.match(
      found.stderr,
      /note: .*\/team\/gone:1.0 is signed, and its registry does not have it\n/,
    );
    assert.match(found.stdout, /nothing to do/);
    const named = await stages.promote([`${host}/team/gone:1.0`, ...from]);
    assert.equal(named.code, 2);
    assert.match(named.stderr, /team\/gone:1.0 is not in the registry/);
  });
});
