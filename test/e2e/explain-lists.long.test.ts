// What nodes choose of lists that are written by hand.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith } from '../with-tools.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { startRegistry } from '../kit/registry/registry.ts';
import { run } from '../kit/process/run.ts';
import { useTemporary } from '../kit/temporary.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

const linux = (architecture: string, variant?: string) => ({
  os: 'linux',
  architecture,
  ...(variant !== undefined && { variant }),
});

describeWith(['skopeo', 'docker-registry'], 'lookaside explain chooses of a list', () => {
  const directory = useTemporary();

  it('what skopeo chooses', async () => {
    const registry = await startRegistry();
    const architectures = ['amd64', 's390x'];
    const options = { repository: 'a/b', tag: 'v1', architectures };
    const { name, instances, digest } = await registry.pushImage(options);
    const [first, second] = architectures.map((one) => instances.get(one) ?? '');
    const manifests = `http://${registry.host}/v2/a/b/manifests`;
    const fetched = await fetch(`${manifests}/${first}`, { headers: { Accept: MANIFEST } });
    const size = Buffer.byteLength(await fetched.text());
    const cases = [
      [INDEX, [linux('amd64'), undefined], 's390x', ''],
      [INDEX, [linux('amd64'), linux('amd64')], 'amd64', ''],
      [INDEX, [linux('arm', 'v6'), linux('arm', 'v7')], 'arm', 'v8'],
      [INDEX, [linux('arm64'), linux('amd64')], 'arm64', 'v8'],
      [INDEX, [linux('arm', 'v7'), linux('amd64')], 'arm', 'v6'],
      [DOCKER_LIST, [linux('amd64'), linux('arm64')], 's390x', ''],
    ] as const;
    for (const [mediaType, platforms, architecture, variant] of cases) {
      const entries = platforms.map((platform, at) => ({
        mediaType: MANIFEST,
        size,
        digest: at === 0 ? first : second,
        platform,
      }));
      const body = JSON.stringify({ schemaVersion: 2, mediaType, manifests: entries });
      const headers = { 'Content-Type': mediaType };
      const pushed = await fetch(`${manifests}/odd`, { method: 'PUT', headers, body });
      assert.equal(pushed.status, 201, await pushed.text());
      const flags = ['--override-arch', architecture, '--override-os', 'linux'];
      if (variant) flags.push('--override-variant', variant);
      const target = `dir:${directory()}/image`;
      const copy = [...flags, 'copy', '--src-tls-verify=false', `docker://${name}:odd`, target];
      const node = await run('skopeo', [
        '--insecure-policy',
        ...copy,
        '--digestfile',
        join(directory(), 'digest'),
      ]);
      const platform = ['linux', architecture, variant].filter(Boolean).join('/');
      const args = ['explain', `${name}:odd`, directory(), '--platform', platform];
      const { code, stdout } = await runLookaside([...args, '--format', 'json']);
      if (node.code !== 0) {
        assert.match(node.stderr, /no image found/);
        assert.equal(code, 2);
        continue;
      }
      const chosen = await readFile(join(directory(), 'digest'), 'utf8');
      const explained = JSON.parse(stdout).platforms.map((one: { digest: string }) => one.digest);
      assert.deepEqual(explained, [chosen], platform);
    }
    // A list as an entry of a list.
    const entries = [{ mediaType: INDEX, size, digest, platform: linux('amd64') }];
    const body = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: entries });
    const headers = { 'Content-Type': INDEX };
    await fetch(`${manifests}/nested`, { method: 'PUT', headers, body });
    const copy = ['--override-arch', 'amd64', 'copy', '--src-tls-verify=false'];
    const images = [`docker://${name}:nested`, `dir:${directory()}/nested`];
    const node = await run('skopeo', ['--insecure-policy', ...copy, ...images]);
    assert.notEqual(node.code, 0);
    const { code, stderr } = await runLookaside(['explain', `${name}:nested`, directory()]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /nodes refuse the list of \S+: its entry for linux\/amd64 is itself a list/,
    );
    await registry.stop();
  });
});
