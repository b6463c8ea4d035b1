// What `lookaside promote` does where a stage is hostile, a signer is not who is wanted, a registry changes
// images, or somebody else is at work: nothing comes through that was not signed by those who are demanded.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBackground } from '../../kit/process/background.ts';
import { run, runOrThrow } from '../../kit/process/run.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { PUSHER } from '../../kit/push/push-world.ts';
import { TwoStages } from '../../kit/push/stages.ts';
import { startAlteringProxy } from '../../kit/registry/altering-proxy.ts';
import type { PushedImage } from '../../kit/registry/registry.ts';
import type { Claims } from '../../kit/signer/claims.ts';
import { formatLocation } from '../../kit/signer/signature-tree.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith, toolPath } from '../../with-tools.ts';

const PASSPHRASE = 'correct horse';

type Signature = readonly [path: string, bytes: Uint8Array];

/** Of the list, and of each platform. */
function digestsOf({ digest, instances }: PushedImage): readonly string[] {
  return [digest, ...instances.values()];
}

describeWith(['skopeo', 'docker-registry', 'gpg', 'gpgv', 'git'], 'promotion', () => {
  const directory = useTemporary();
  let stages: TwoStages;
  let image: PushedImage;
  before(async () => {
    stages = await TwoStages.make();
    image = await stages.dev.pushImage('team/app', '1.0', ['amd64', 's390x']);
  });
  after(() => stages.stop());

  const toNext = (name: string): string =>
    name.replace(stages.dev.registry.host, stages.next.registry.host);

  /** What the next stage has, as far as it was pushed. */
  async function signaturesOf(repository: string): Promise<readonly string[]> {
    const all = await stages.next.signatures();
    return all.filter((path) => path.startsWith(`${repository}@`));
  }

  async function sign(by: 'dev' | 'tester' | 'stranger', claims: Claims): Promise<Buffer> {
    return stages.dev.signer.sign(stages.dev.keys[by], claims);
  }

  /** A hostile repository of the first stage: good signatures by dev, and what else is planted. */
  async function plant(one: PushedImage, planted: readonly Signature[]): Promise<string> {
    const repository = join(directory(), 'hostile');
    await runOrThrow('git', ['init', '--quiet', '-b', 'main', repository]);
    const files = [...planted];
    for (const digest of digestsOf(one)) {
      const claims = { dockerReference: one.reference, manifestDigest: digest };
      files.push([formatLocation('team/app', digest, 1), await sign('dev', claims)]);
    }
    for (const [path, bytes] of files) {
      await runOrThrow('mkdir', ['-p', join(repository, path, '..')]);
      await writeFile(join(repository, path), bytes);
    }
    return repository;
  }

  /** Sees that a repository is not believed. */
  async function assertHeld(
    from: string,
    said: RegExp,
    more: readonly string[] = [],
  ): Promise<void> {
    const args = (await stages.fromDev('dev', 'tester')).map((word) =>
      word === stages.dev.remote.path ? from : word,
    );
    const copied = ['--copy', '--format', 'json'];
    const { code, stdout, stderr } = await stages.promote([
      image.reference,
      ...args,
      ...copied,
      ...more,
    ]);
    assert.equal(code, 1, stderr);
    const { commit, signatures } = JSON.parse(stdout) as {
      commit: unknown;
      signatures: { part: string; code?: string; message?: string }[];
    };
    assert.equal(commit, null);
    const refused = signatures.filter((one) => one.code !== undefined);
    assert.ok(refused.length > 0);
    for (const one of refused) {
      assert.equal(one.code, 'signer-missing');
      assert.match(one.message ?? '', said);
    }
    assert.deepEqual(await signaturesOf('team/app'), []);
    const there = ['inspect', '--raw', '--tls-verify=false', `docker://${toNext(image.reference)}`];
    assert.notEqual((await run('skopeo', there)).code, 0, 'the image was copied');
  }

  const HOSTILE: readonly (readonly [string, (digest: string) => Promise<Buffer>, RegExp])[] = [
    [
      'no signature, but bytes',
      async () => Buffer.from('<html></html>'),
      /not counted: .*signature-2/,
    ],
    [
      'a signature by somebody else',
      async (digest) =>
        sign('stranger', { dockerReference: image.reference, manifestDigest: digest }),
      /got those of Dev .*; not counted: .*signature-2: unknown-signer/,
    ],
    [
      'a signature of another tag',
      async (digest) =>
        sign('tester', { dockerReference: `${image.name}:0.9`, manifestDigest: digest }),
      /got those of Dev /,
    ],
    [
      'a signature of the name that is wanted next',
      async (digest) =>
        sign('tester', { dockerReference: toNext(image.reference), manifestDigest: digest }),
      /got those of Dev /,
    ],
    [
      'a signature of another digest',
      async () =>
        sign('tester', {
          dockerReference: image.reference,
          manifestDigest: `sha256:${'0'.repeat(64)}`,
        }),
      /not counted: .*signature-2: digest-mismatch/,
    ],
    [
      'a signature with a byte that was changed',
      async (digest) => {
        const claims = { dockerReference: image.reference, manifestDigest: digest };
        const bytes = await sign('tester', claims);
        bytes.writeUInt8((bytes.at(-1) ?? 0) ^ 1, bytes.length - 1);
        return bytes;
      },
      /not counted: .*signature-2/,
    ],
  ];
  for (const [what, make, said] of HOSTILE) {
    it(`is refused for ${what} in place of a demanded signature`, async () => {
      const planted = digestsOf(image).map(
        async (digest) => [formatLocation('team/app', digest, 2), await make(digest)] as const,
      );
      await assertHeld(await plant(image, await Promise.all(planted)), said);
    });
  }

  it('is refused for a list of which one platform lacks a signer, and says which', async () => {
    const [listed, first] = digestsOf(image);
    const planted = [listed, first].map(async (digest = '') => {
      const claims = { dockerReference: image.reference, manifestDigest: digest };
      return [formatLocation('team/app', digest, 2), await sign('tester', claims)] as const;
    });
    const from = await plant(image, await Promise.all(planted));
    await assertHeld(
      from,
      /expected signatures of .* by [0-9A-F]{40} \(Tester .*\), got those of Dev/,
    );
  });

  it('is refused for a signer whose key has expired or is revoked', async () => {
    const planted = digestsOf(image).map(async (digest) => {
      const claims = { dockerReference: image.reference, manifestDigest: digest };
      return [formatLocation('team/app', digest, 2), await sign('tester', claims)] as const;
    });
    const from = await plant(image, await Promise.all(planted));
    const { signer, keys } = stages.dev;
    await signer.extend(keys.tester, 'seconds=1');
    await sleep(2000);
    await assertHeld(from, /signature-2: key-expired/);
    await signer.extend(keys.tester, '0');
    await signer.revoke(keys.tester);
    await assertHeld(from, /signature-2: key-revoked/);
  });

  describe('of an image that all have signed who are demanded', () => {
    let signed: PushedImage;
    let from: readonly string[];
    let count = 0;
    beforeEach(async () => {
      count += 1;
      signed = await stages.dev.pushImage(`good/app${count}`, '1.0', ['amd64', 's390x']);
      const { code, stderr } = await stages.dev.sign('dev', [signed.reference]);
      assert.equal(code, 0, stderr);
      from = await stages.fromDev('dev');
    });

    const isThere = async (): Promise<boolean> => {
      const place = `docker://${toNext(signed.reference)}`;
      return (await run('skopeo', ['inspect', '--raw', '--tls-verify=false', place])).code === 0;
    };

    it('copies nothing for a key that is not accepted there, or does not unlock', async () => {
      const locked = await stages.next.signer.makeKey({
        passphrase: PASSPHRASE,
        algorithm: 'ed25519',
      });
      const wrong = join(directory(), 'passphrase');
      await writeFile(wrong, 'wrong\n');
      const args = ['promote', signed.reference, ...from, ...stages.map, '--copy'];
      const to = ['--to', stages.next.remote.path];
      const env = { ...PUSHER, GNUPGHOME: stages.next.signer.home };
      const by = async (fingerprint: string, ...more: readonly string[]) =>
        runLookaside([...args, ...to, '--sign-by', fingerprint, ...more], { env });
      const strange = await by(locked.fingerprint);
      assert.equal(strange.code, 1, strange.stderr);
      assert.match(strange.stdout, /unknown-signer/);
      assert.equal(await isThere(), false);
      await stages.next.remote.git('pull', '--quiet', '--ff-only', 'origin', 'main');
      const exported = join(stages.next.signer.home, 'locked.asc');
      await stages.next.signer.exportKeys(exported, locked);
      await stages.next.remote.publish({ 'keys/locked.asc': await readFile(exported) });
      const unlocked = await by(locked.fingerprint, '--passphrase-file', wrong);
      assert.equal(unlocked.code, 2, unlocked.stdout);
      assert.match(unlocked.stderr, /the passphrase does not unlock/);
      assert.equal(await isThere(), false);
      assert.deepEqual(await signaturesOf(`good/app${count}`), []);
    });

    it('pushes nothing where the tag moves between the check and the push', async () => {
      const other = await stages.dev.pushImage(`good/app${count}`, '2.0');
      const copy = 'skopeo --insecure-policy copy --src-tls-verify=false --dest-tls-verify=false';
      const move = `case "$*" in *--sign) ${copy} docker://${other.reference} docker://${signed.reference} >&2;; esac`;
      const gpg = join(directory(), 'gpg');
      await writeFile(gpg, `#!/bin/sh\n${move}\nexec '${toolPath('gpg')}' "$@"\n`, { mode: 0o755 });
      const { code, stdout } = await stages.promote([
        signed.reference,
        ...from,
        '--gpg',
        gpg,
        '--copy',
      ]);
      assert.equal(code, 1, stdout);
      assert.match(
        stdout,
        /refused .*: tag-moved: the tag was moved while it was signed, to sha256:/,
      );
      assert.deepEqual(await signaturesOf(`good/app${count}`), []);
      // What was copied is what was checked, and not what the tag names now.
      const place = `docker://${toNext(signed.reference)}`;
      const args = ['inspect', '--tls-verify=false', '--format', '{{.Digest}}', place];
      assert.equal((await runOrThrow('skopeo', args)).stdout.trim(), signed.digest);
    });

    it('signs nothing that a registry has under another digest', async () => {
      const proxy = await startAlteringProxy(stages.next.registry.host);
      try {
        await stages.next.remote.git('pull', '--quiet', '--ff-only', 'origin', 'main');
        await stages.next.accept(['qa'], {}, proxy.host);
        const args = ['promote', signed.reference, ...from, '--copy'];
        const { keys, remote, signer } = stages.next;
        const to = ['--to', remote.path, '--sign-by', keys.qa.fingerprint];
        const map = ['--map', `${stages.dev.registry.host}=${proxy.host}`];
        const env = { ...PUSHER, GNUPGHOME: signer.home };
        const { code, stdout, stderr } = await runLookaside([...args, ...map, ...to], { env });
        assert.equal(code, 1, stderr);
        assert.match(
          stdout,
          /^not copied .*\n(?:refused .*: digest-changed: expected sha256:.* after the copy, got sha256:.*\n.*\n){3}nothing went/m,
        );
        assert.deepEqual(await signaturesOf(`good/app${count}`), []);
      } finally {
        await proxy.stop();
        await stages.next.accept(['qa', 'release']);
      }
    });

    it('copies and signs nothing that skopeo does not take by the same signatures', async () => {
      // As skopeo before 1.21 takes none by a subkey.
      await stages.dev.sign('subkey', [signed.reference]);
      const { fingerprint } = stages.dev.keys.subkey;
      const keys = ['--keys', await stages.dev.keyFile('subkey'), '--require', fingerprint];
      const place = ['--from', stages.dev.remote.path];
      const { code, stdout } = await stages.promote([
        signed.reference,
        ...place,
        ...keys,
        '--copy',
      ]);
      assert.equal(code, 1, stdout);
      assert.match(
        stdout,
        /^not copied .*\n(?:refused .*: copy-rejected: skopeo does not take .*\n.*\n){3}nothing went/m,
      );
      assert.equal(await isThere(), false);
      assert.deepEqual(await signaturesOf(`good/app${count}`), []);
    });

    it('signs nothing that skopeo would have to change', async () => {
      const said = 'writing manifest: cannot modify it: Instructed to preserve digests';
      const fail = `case "$*" in *" copy "*) echo 'FATA[0000] ${said}' >&2; exit 1;; esac`;
      const real = `exec '${toolPath('skopeo')}' "$@"`;
      await writeFile(join(directory(), 'skopeo'), `#!/bin/sh\n${fail}\n${real}\n`, {
        mode: 0o755,
      });
      const env = { PATH: `${directory()}:${process.env['PATH'] ?? ''}` };
      const { code, stdout } = await stages.promote([signed.reference, ...from, '--copy'], { env });
      assert.equal(code, 1, stdout);
      assert.match(
        stdout,
        /digest-changed: the other registry would not have it under the same digest: .*preserve digests/,
      );
      assert.deepEqual(await signaturesOf(`good/app${count}`), []);
    });

    it('is whole after runs that were killed, whenever that was', async () => {
      const { keys, remote, signer } = stages.next;
      const to = ['--to', remote.path, '--sign-by', keys.qa.fingerprint];
      const args = ['promote', signed.reference, ...from, '--copy', ...stages.map, ...to];
      const env = { ...PUSHER, GNUPGHOME: signer.home, TMPDIR: directory() };
      for (const delay of [300, 700, 1100, 1500, 2000, 2600]) {
        const one = await startBackground(process.execPath, ['dist/cli/main.js', ...args], { env });
        await sleep(delay);
        one.signal('SIGKILL');
        await one.ended();
        // All of them, or none.
        const some = await signaturesOf(`good/app${count}`);
        assert.ok(some.length === 0 || some.length === 3, `${some.length} after ${delay} ms`);
      }
      const last = await stages.promote([signed.reference, ...from, '--copy']);
      assert.equal(last.code, 0, last.stderr);
      assert.deepEqual((await signaturesOf(`good/app${count}`)).length, 3);
      assert.ok(await isThere());
      const again = await stages.promote([signed.reference, ...from, '--copy']);
      assert.match(again.stdout, /^was there .*\n(?:already there .*\n){3}nothing to do/m);
    });

    it('loses nothing and doubles nothing where several promote at once', async () => {
      const runs = await Promise.all([
        stages.promote([signed.reference, ...from, '--copy']),
        stages.promote([signed.reference, ...from, '--copy']),
        stages.promote([signed.reference, ...from, '--copy'], { by: 'release' }),
      ]);
      for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
      // Three manifests, by two keys each.
      assert.deepEqual((await signaturesOf(`good/app${count}`)).length, 6);
      assert.ok(await isThere());
    });
  });
});
