// A key that never leaves its token, to the end: gpg's agent asks the token, the store serves, nodes accept.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrThrow } from '../kit/process/run.ts';
import { makeNode } from '../kit/node/node.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { SignWorld } from '../kit/push/sign-world.ts';
import { TOKEN_TOOLS, type Token, makeToken } from '../kit/signer/token.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

describeWith(
  [...TOKEN_TOOLS, 'skopeo', 'podman', 'docker-registry', 'gpgv', 'git', 'git-http-backend'],
  'an image signed by a key on a token',
  () => {
    const servers = useLookaside();
    const directory = useTemporary('suite');
    const at = (name: string): string => join(directory(), name);
    let world: SignWorld<'other'>;
    let token: Token;
    before(async () => {
      world = await SignWorld.make({ other: { name: 'Other' } });
      token = await makeToken(world.signer, directory());
      await world.accept(['other']);
      const { home } = world.signer;
      const exported = ['--homedir', home, '--armor', '--export', token.fingerprint];
      const key = (await runOrThrow('gpg', exported)).stdout;
      await writeFile(at('token.asc'), key);
      await world.remote.publish({ 'keys/token.asc': key });
    });
    after(() => world.stop());

    it('is accepted by skopeo and podman, and no other is', async () => {
      const { fingerprint, environment } = token;
      const signed = await world.pushImage('team/token', 'v1');
      const unsigned = await world.pushImage('team/unsigned', 'v1');
      const options = { env: environment };
      const { code, stdout, stderr } = await world.signBy(fingerprint, [signed.reference], options);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^signed .*\n1 signature by Token \([0-9A-F]{40}\) went to /);
      // A primary key: clients before podman 5.7 and skopeo 1.21 refuse subkeys.
      assert.doesNotMatch(stdout, /signing-subkey/);

      const server = await servers.startHere(world.remote.path, [
        '--keys',
        at('token.asc'),
        '--state-dir',
        at('state'),
      ]);
      assert.equal(server.signatures, 1);
      const node = await makeNode({
        scope: world.registry.host,
        lookaside: server.baseUrl,
        keys: [at('token.asc')],
      });
      try {
        for (const pull of [node.copyWithSkopeo, node.pullWithPodman]) {
          const good = await pull(signed.reference);
          assert.equal(good.outcome, 'accepted', good.stderr);
          assert.equal((await pull(unsigned.reference)).outcome, 'refused');
        }
      } finally {
        await node.remove();
      }
    });
  },
);
