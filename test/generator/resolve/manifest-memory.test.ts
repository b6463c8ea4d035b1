import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readManifestDirectory } from '../../../generator/resolve/manifest-directory.ts';
import { ManifestFile, ManifestMemory } from '../../../generator/resolve/manifest-memory.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { hexOf } from './resolve-world.ts';

const OCI = 'application/vnd.oci.image';
const [A, B] = [hexOf('a'), hexOf('b')];
const single = (name: string): Buffer =>
  Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: `${OCI}.manifest.v1+json`, name }));
const list = (...hexes: readonly string[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${OCI}.index.v1+json`,
      manifests: hexes.map((hex, at) => ({
        digest: `sha256:${hex}`,
        platform: { os: 'linux', architecture: `arch${at}` },
      })),
    }),
  );
const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const NOW = new Date(0);
const NAME = 'quay.io/team/app';
const LATER = new Date(3_600_000);

const unexpected = (error: unknown): void => assert.fail(String(error));

describe('generator: memory of manifests', () => {
  const directory = useTemporary();
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  const openFile = (onUnreadable: (error: unknown) => void = unexpected): ManifestFile =>
    new ManifestFile({
      path: at('manifests'),
      onUnreadable,
      onUnwritable: unexpected,
      onWritten: () => undefined,
    });

  it('learns what bytes say of their own digest, whatever was asked for', () => {
    const memory = new ManifestMemory();
    const bytes = list(A, B);
    assert.equal(memory.learn(bytes), digestOf(bytes));
    assert.deepEqual(memory.find(digestOf(bytes), NAME, NOW), {
      kind: 'list',
      instances: [
        { platform: 'linux/arch0', digestHex: A },
        { platform: 'linux/arch1', digestHex: B },
      ],
    });
    assert.deepEqual([...memory.listsWith(A)], [digestOf(bytes)]);
    assert.equal(memory.find(A, NAME, NOW), undefined);
    for (const none of ['', '<html>', '[]', '{"schemaVersion":"2"}']) {
      assert.equal(memory.learn(Buffer.from(none)), undefined);
    }
  });

  it('believes for a while that a registry does not have one, until it is seen', () => {
    const memory = new ManifestMemory();
    const bytes = single('x');
    memory.noteMissing(digestOf(bytes), NAME, NOW);
    assert.equal(memory.find(digestOf(bytes), NAME, NOW)?.kind, 'missing');
    assert.equal(memory.find(digestOf(bytes), 'prod.io/team/app', NOW), undefined);
    assert.equal(memory.find(digestOf(bytes), NAME, LATER), undefined);
    memory.learn(bytes);
    memory.noteMissing(digestOf(bytes), NAME, NOW);
    assert.equal(memory.find(digestOf(bytes), NAME, NOW)?.kind, 'single');
  });

  it('forgets what it learnt first where there is too much', () => {
    const memory = new ManifestMemory();
    const first = list(A);
    memory.learn(first);
    for (let count = 0; count < 50_000; count++) {
      memory.resume(count.toString(16).padStart(64, '0'), { kind: 'single' });
    }
    assert.equal(memory.find(digestOf(first), NAME, NOW), undefined);
    assert.deepEqual([...memory.listsWith(A)], []);
    assert.equal([...memory.entries()].length, 50_000);
  });

  it('is there again after a restart', async () => {
    const memory = new ManifestMemory();
    const manifests = [list(A, B), single('x'), list(A)];
    for (const bytes of manifests) memory.learn(bytes);
    memory.noteMissing(hexOf('c'), NAME, NOW);
    await openFile().keep(memory);
    const next = new ManifestMemory();
    await openFile().read(next);
    assert.deepEqual([...next.entries()], [...memory.entries()]);
    assert.deepEqual(new Set(next.listsWith(A)), new Set(memory.listsWith(A)));
    assert.equal(next.find(hexOf('c'), NAME, NOW), undefined);
  });

  it('does without a file that is cut off, changed or of another form', async () => {
    const memory = new ManifestMemory();
    memory.learn(list(A, B));
    await openFile().keep(memory);
    const whole = await readFile(at('manifests'));
    const damages: Readonly<Record<string, () => Promise<void>>> = {
      'cut off': async () => truncate(at('manifests'), whole.length - 5),
      changed: async () => writeFile(at('manifests'), whole.toString().replace(A, hexOf('d'))),
      empty: async () => writeFile(at('manifests'), ''),
      'of another form': async () => writeFile(at('manifests'), 'something else, 2\n\n'),
    };
    for (const [damage, doDamage] of Object.entries(damages)) {
      await writeFile(at('manifests'), whole);
      await doDamage();
      const told: unknown[] = [];
      const next = new ManifestMemory();
      await openFile((error) => told.push(error)).read(next);
      assert.equal(told.length, 1, damage);
      assert.deepEqual([...next.entries()], [], damage);
    }
  });

  it('takes manifests from files under any name, and passes over all else', async () => {
    const bytes = [list(A, B), single('x')];
    await mkdir(at('oci', 'blobs', 'sha256'), { recursive: true });
    await writeFile(at('oci', 'blobs', 'sha256', 'x'), bytes[0] ?? '');
    await writeFile(at('oci', 'blobs', 'sha256', 'layer'), Buffer.alloc(5 * 1024 * 1024));
    await writeFile(at('oci', 'notes.txt'), 'hello');
    await writeFile(at('elsewhere'), bytes[1] ?? '');
    await symlink(at('elsewhere'), at('oci', 'link.json'));
    await symlink(at('nowhere'), at('oci', 'broken.json'));
    await symlink(at('oci'), at('oci', 'round'));
    const memory = new ManifestMemory();
    assert.equal(await readManifestDirectory(at('oci'), memory), 2);
    for (const one of bytes) assert.ok(memory.find(digestOf(one), NAME, NOW));
  });
});
