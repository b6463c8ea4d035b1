// From an image that skopeo signs to the digest that is written into a manifest, with a real registry.
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../kit/eventually.ts';
import { type Lookaside, runLookaside, startLookaside } from '../kit/program/lookaside.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { type PushedImage, type Registry, startRegistry } from '../kit/registry/registry.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { signWithSkopeo } from '../kit/signer/sign-with-skopeo.ts';
import { type Signer, type SigningKey, makeSigner } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

describeWith(['skopeo', 'docker-registry', 'gpg', 'git'], 'e2e: resolve', () => {
  const directory = useTemporary('suite');
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  let registry: Registry;
  let signer: Signer;
  let key: SigningKey;
  let keyFile: string;
  let remote: GitRemote;
  let image: PushedImage;
  before(async () => {
    [registry, signer, remote] = await Promise.all([
      startRegistry(),
      makeSigner(),
      makeGitRemote(),
    ]);
    key = await signer.makeKey({ algorithm: 'ed25519' });
    keyFile = await signer.exportKeys(at('key.asc'), key);
    image = await registry.pushImage({
      repository: 'team/app',
      tag: '1.0',
      architectures: ['amd64', 'arm64'],
    });
    await sign('1.0', true);
  });
  after(async () => {
    await Promise.all([registry.stop(), signer.stop(), remote.remove()]);
  });

  /** Signs what the registry has under a tag, and pushes the signatures. */
  const sign = async (tag: string, all: boolean): Promise<void> => {
    await mkdir(at('staging'), { recursive: true });
    const reference = `${image.name}:${tag}`;
    await signWithSkopeo({ signer, key, image: reference, stagingDirectory: at('staging'), all });
    await cp(at('staging'), remote.work, { recursive: true });
    await remote.git('add', '--all');
    await remote.git('commit', '--quiet', '--message', `Sign ${tag}`);
    await remote.push();
  };
  const resolve = async (...args: readonly string[]) =>
    runLookaside(['resolve', ...args, remote.fileUrl, '--keys', keyFile]);
  const pinned = (): string => `${image.reference}@${image.digest}`;

  it('tells the list that skopeo signed from its instances, by asking the registry', async () => {
    const { code, stdout, stderr } = await resolve(image.reference);
    assert.deepEqual([code, stdout, stderr], [0, `${pinned()}\n`, '']);
    const json = JSON.parse((await resolve(image.reference, '--format', 'json')).stdout);
    const [{ by, platforms, others }] = json.images;
    assert.equal(by, 'list');
    assert.deepEqual(platforms.toSorted(), ['linux/amd64', 'linux/arm64']);
    assert.equal(others.length, 2);
  });

  it('does not know it where nobody may be asked, and does by files', async () => {
    const { code, stdout, stderr } = await resolve(image.reference, '--manifests', 'never');
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /3 digests are signed as .*not known yet whether sha256:/);
    await mkdir(at('manifests'), { recursive: true });
    for (const digest of [image.digest, ...image.instances.values()]) {
      const from = `docker://${image.name}@${digest}`;
      const args = ['inspect', '--raw', '--tls-verify=false', from];
      const { stdout: bytes } = await runOrThrow('skopeo', args);
      await writeFile(at('manifests', digest.slice(-8)), bytes);
    }
    const offline = await resolve(image.reference, '--manifests', at('manifests'));
    assert.deepEqual([offline.code, offline.stdout], [0, `${pinned()}\n`]);
  });

  it('takes what is signed, whatever the tag is in the registry', async () => {
    const other = await registry.pushImage({ repository: 'team/app', tag: '1.0' });
    assert.notEqual(other.digest, image.digest);
    assert.equal((await resolve(image.reference)).stdout, `${pinned()}\n`);
    const given = await resolve(`${image.name}@${other.digest}`);
    assert.equal(given.code, 1);
    assert.match(given.stderr, /has signatures, but none for this digest/);
  });

  it('pins a manifest and finds it pinned', async () => {
    const text = `# ours\napiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n        - name: a\n          image: '${image.reference}'   # stays\n`;
    const file = at('deployment.yaml');
    await writeFile(file, text, { mode: 0o640 });
    const files = async (mode: string) =>
      runLookaside(['resolve', remote.fileUrl, '--keys', keyFile, mode, file]);
    const before = await files('--check');
    assert.equal(before.code, 1);
    assert.match(
      before.stdout,
      /deployment\.yaml:9: .*:1\.0: it has no digest\n {2}Write .*@sha256:/,
    );
    assert.equal(await readFile(file, 'utf8'), text);
    assert.equal((await files('--write')).code, 0);
    assert.equal(await readFile(file, 'utf8'), text.replace(image.reference, pinned()));
    const after = await files('--check');
    assert.deepEqual(
      [after.code, after.stdout],
      [0, '1 image in 1 file: all pinned to what is signed\n'],
    );
    const written = await readFile(file);
    assert.equal((await files('--write')).code, 0);
    assert.deepEqual(await readFile(file), written);
  });

  describe('of a server', () => {
    let server: Lookaside;
    const start = async (...args: readonly string[]): Promise<void> => {
      const state = ['--state-dir', at('state')];
      server = await startLookaside(remote.fileUrl, ['--keys', keyFile, ...state, ...args]);
    };
    const ask = async (name = image.reference) => {
      const url = `${server.statusUrl}/resolve.json?image=${encodeURIComponent(name)}`;
      const response = await fetch(url);
      return { status: response.status, body: await response.json() };
    };
    afterEach(async () => {
      await server.stop();
    });

    it('asks the registry before anybody asks it, and remembers', async () => {
      await start('--manifests', 'ask');
      // The list may be the newest and found by that, before it is known that it is one.
      const { body } = await eventually(async () => {
        const answer = await ask();
        assert.equal(answer.body.by, 'list');
        return answer;
      });
      assert.deepEqual([body.verdict, body.reference], ['resolved', pinned()]);
      await eventually(async () => {
        const metrics = await (await fetch(`${server.statusUrl}/metrics`)).text();
        assert.match(metrics, /^lookaside_manifest_questions_total\{result="learnt"\} 3$/m);
        assert.match(metrics, /^lookaside_resolved_images_total\{verdict="resolved"\} [1-9]/m);
      });
      const asked = registry.log().length;
      await eventually(async () => readFile(at('state', await manifestsName())));
      await server.stop('SIGKILL');
      await start('--manifests', 'ask');
      assert.equal((await ask()).body.reference, pinned());
      assert.equal(registry.log().length, asked);
    });

    it('answers the command with the same', async () => {
      await start('--manifests', at('manifests'));
      const there = ['--server', server.statusUrl];
      const { code, stdout } = await runLookaside(['resolve', image.reference, ...there]);
      assert.deepEqual([code, stdout], [0, `${pinned()}\n`]);
      const json = await runLookaside(['resolve', image.reference, ...there, '--format', 'json']);
      const { images, generation } = JSON.parse(json.stdout);
      assert.equal(images[0].reference, pinned());
      assert.equal(generation.number, 1);
    });

    it('asks nobody unless it is told to, and says what it lacks', async () => {
      const asked = registry.log().length;
      await start();
      const { status, body } = await ask();
      assert.deepEqual(
        [status, body.verdict, body.reason.code],
        [200, 'refused', 'manifests-not-known'],
      );
      assert.equal(registry.log().length, asked);
    });

    it('finds a new signature with the next refresh', async () => {
      await start('--manifests', 'ask');
      const next = `${image.name}:2.0`;
      assert.equal((await ask(next)).body.reason.code, 'tag-not-signed');
      const pushed = await registry.pushImage({ repository: 'team/app', tag: '2.0' });
      await sign('2.0', false);
      await fetch(`${server.statusUrl}/refresh`, { method: 'POST' });
      await eventually(async () => {
        assert.equal((await ask(next)).body.reference, `${next}@${pushed.digest}`);
      });
    });

    it('refuses questions that are none', async () => {
      await start();
      for (const query of [
        '',
        '?image=',
        '?image=A/B',
        '?image=a&image=b',
        '?image=a&x=1',
        `?image=${'a'.repeat(2000)}`,
      ]) {
        const response = await fetch(`${server.statusUrl}/resolve.json${query}`);
        assert.equal(response.status, 400, query.slice(0, 40));
        assert.equal(typeof (await response.json()).message, 'string');
      }
      const posted = await fetch(`${server.statusUrl}/resolve.json?image=a`, { method: 'POST' });
      assert.equal(posted.status, 405);
    });
  });

  describe('without a registry', () => {
    it('says that the registry does not answer, where only it could tell', async () => {
      await registry.stop();
      const { code, stdout, stderr } = await resolve(image.reference);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(
        stderr,
        /does not answer.*\nhint: give the manifests as files, with `--manifests DIR`/s,
      );
    });
  });

  const manifestsName = async (): Promise<string> => {
    const names = await readdir(at('state'));
    return names.find((name) => name.endsWith('.manifests')) ?? 'none yet';
  };
});
