// Who follows docs/mirror-images.md has a vendor's images in a registry of their own, and nodes that accept them.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Block, paste, readBlocks } from '../docs/pasted-blocks.ts';
import { makeNode } from '../kit/node/node.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { startLookasideHere } from '../kit/program/lookaside-here.ts';
import { putLookasideInPath } from '../kit/program/lookaside-in-path.ts';
import { PUSHER } from '../kit/push/push-world.ts';
import { VendorWorld } from '../kit/push/vendor-world.ts';
import { type Signer, makeSigner } from '../kit/signer/signer.ts';
import { makeTemporary, removeTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

describeWith(
  ['skopeo', 'podman', 'docker-registry', 'gpg', 'gpgv', 'git', 'bash'],
  "a vendor's images",
  () => {
    let directory: string;
    let world: VendorWorld;
    let signer: Signer;
    let blocks: readonly Block[];
    let page: string;
    let env: Readonly<Record<string, string>>;
    const at = (...path: readonly string[]): string => join(directory, ...path);

    before(async () => {
      directory = await makeTemporary();
      [world, signer] = await Promise.all([VendorWorld.make(), makeSigner()]);
      const userId = 'mirror <mirror@example.com>';
      const key = await signer.makeKey({ algorithm: 'ed25519', userId });
      await signer.exportKeys(at('mirror.asc'), key);
      await writeFile(at('vendor.asc'), await world.vendor.exportKey('vendor'));
      const repository = at('remotes', 'ops', 'signatures.git');
      await mkdir(repository, { recursive: true });
      await runOrThrow('git', ['init', '--quiet', '--bare', '-b', 'main', repository]);
      page = replaceAddresses(await readFile('docs/mirror-images.md', 'utf8'));
      blocks = readBlocks(page);
      env = { ...PUSHER, GNUPGHOME: signer.home, PATH: await putLookasideInPath(directory) };
      await world.publish('vendor/app', 'v1.0');
      await world.publish('vendor/app', 'v1.1-rc1');
      await world.publish('vendor/db', 'v7', { by: 'stranger' });
    });

    after(async () => {
      await Promise.all([world.stop(), signer.stop()]);
      await removeTemporary(directory);
    });

    function replaceAddresses(text: string): string {
      return text
        .replaceAll('quay.io', world.vendor.registry.host)
        .replaceAll('registry.example.com', world.here.registry.host)
        .replaceAll('https://signatures.vendor.example', world.store.baseUrl)
        .replaceAll('git@git.example.com:', `${at('remotes')}/`);
    }

    /** Pastes the one block that some words are in, and sees that it prints what the page shows. */
    async function follow(...words: readonly string[]): Promise<string> {
      const found = blocks.filter(({ commands }) => words.every((one) => commands.includes(one)));
      assert.equal(found.length, 1, words.join(' and '));
      const [pasted] = await paste(found, { cwd: directory, env });
      assert.ok(pasted);
      assert.equal(pasted.failed, false, pasted.output);
      for (const line of pasted.shown) {
        assert.ok(pasted.output.includes(line), `no ${line} in\n${pasted.output}`);
      }
      return pasted.output;
    }

    it('are mirrored, and accepted', async () => {
      await follow('lookaside init');
      await follow('--dry-run', '--images-from');
      await follow('lookaside mirror-images \\\n  --images-from');
      await follow('node-config --out node');
      const repository = at('remotes', 'ops', 'signatures.git');
      const config = ['--config', at('signatures', 'lookaside.yaml'), '--state-dir', at('state')];
      const store = await startLookasideHere(repository, config);
      const node = await makeNode({
        scope: `${world.here.registry.host}/vendor`,
        lookaside: store.baseUrl,
        keys: [at('mirror.asc')],
      });
      try {
        const image = `${world.here.registry.host}/vendor/app:v1.0`;
        assert.equal((await node.pullWithPodman(image)).outcome, 'accepted');
      } finally {
        await node.remove();
        await store.stop();
      }
    });

    it('are listed in a file', async () => {
      const [, file = ''] = /^```yaml\n(to: .*?)^```$/ms.exec(page) ?? [];
      await writeFile(at('mirror.yaml'), file);
      const planned = await follow('--config mirror.yaml');
      assert.match(planned, /^already there +\S+\/vendor\/app:v1\.0 /m);
      assert.match(planned, /^would mirror +\S+\/vendor\/db:v7 /m);
      assert.match(planned, /^2 images: 1 already there, 1 would mirror$/m);
      const mirrored = await paste(
        [{ commands: 'lookaside mirror-images --config mirror.yaml\n', shown: [], mustFail: true }],
        { cwd: directory, env },
      );
      assert.match(mirrored[0]?.output ?? '', /^refused +\S+\/vendor\/db:v7 .*: copy-rejected: /m);
    });
  },
);
