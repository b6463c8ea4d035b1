// A key of which scopes have copies of different ages, as nodes see it.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describeWith } from '../with-tools.ts';
import { runLookaside, startLookaside } from '../kit/program/lookaside.ts';
import { makeNode } from '../kit/node/node.ts';
import { startRegistry } from '../kit/registry/registry.ts';
import { writeSignature } from '../kit/signer/signature-tree.ts';
import { makeSigner } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';

/** As policy.json has it. */
const by = (keyPath: string) => [{ type: 'signedBy', keyType: 'GPGKeys', keyPath }];

describeWith(
  ['skopeo', 'docker-registry', 'gpg'],
  'lookaside explain says of copies of a key',
  () => {
    const directory = useTemporary();

    it('that the copy of the scope counts, as for nodes', async () => {
      const [registry, signer] = await Promise.all([startRegistry(), makeSigner()]);
      const { reference, name, digest } = await registry.pushImage({
        repository: 'a/b',
        tag: 'v1',
      });
      const key = await signer.makeKey({ algorithm: 'ed25519', expires: 'seconds=3' });
      const old = await signer.exportKeys(join(signer.home, 'old.asc'), key);
      const bytes = await signer.sign(key, { dockerReference: reference, manifestDigest: digest });
      await setTimeout(3500);
      await signer.extend(key, '1y');
      const extended = await signer.exportKeys(join(signer.home, 'extended.asc'), key);
      await writeSignature(directory(), { repository: 'a/b', digest, number: 1 }, bytes);
      const policy = join(signer.home, 'policy.json');
      const docker = { [reference]: by(extended), [registry.host]: by(old) };
      await writeFile(policy, JSON.stringify({ default: by(old), transports: { docker } }));
      const server = await startLookaside(directory(), ['--policy', policy]);
      for (const [image, keys, verdict] of [
        [reference, extended, 'accepted'],
        [`${name}@${digest}`, old, 'refused'],
      ] as const) {
        const node = await makeNode({
          scope: registry.host,
          lookaside: server.baseUrl,
          keys: [keys],
        });
        assert.equal((await node.copyWithSkopeo(image)).outcome, verdict);
        await node.remove();
        for (const place of [
          [directory(), '--policy', policy],
          ['--server', server.statusUrl],
        ]) {
          const { stdout } = await runLookaside(['explain', image, ...place]);
          const word = verdict === 'accepted' ? 'accepted' : 'refused: no-longer-good';
          assert.match(stdout, new RegExp(`^verdict: {4}${word}$`, 'm'));
        }
      }
      await Promise.all([server.stop(), registry.stop(), signer.stop()]);
    });
  },
);
