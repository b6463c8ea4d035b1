// The way in, with everything real: images in a registry, the gpg of several people, a signature
// repository over ssh and over http, a server, and nodes that pull.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PullResult } from '../kit/node/clients.ts';
import { makeNode } from '../kit/node/node.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { SignWorld } from '../kit/push/sign-world.ts';
import type { PushedImage } from '../kit/registry/registry.ts';
import { architecture } from '../kit/registry/scratch-image.ts';
import { type GitSsh, startGitSsh } from '../kit/remote/git-ssh.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const PASSPHRASE = 'correct horse';
const TOKEN = 'secret-token';
const TAGS = ['1', '1.2', '1.2.3'];
const KEYS = {
  ed25519: { name: 'Ed25519', passphrase: PASSPHRASE },
  rsa: { name: 'RSA', algorithm: 'rsa2048' },
  subkey: { name: 'Subkey', subkey: true },
};
type By = keyof typeof KEYS;

describeWith(
  ['skopeo', 'podman', 'docker-registry', 'gpg', 'gpgv', 'git', 'git-http-backend', 'sshd'],
  'from an image to a pull',
  () => {
    const servers = useLookaside();
    const directory = useTemporary('suite');
    let world: SignWorld<By>;
    let ssh: GitSsh;
    let list: PushedImage;
    let references: readonly string[];
    /** What the three signers said. */
    const said: string[] = [];

    before(async () => {
      [world, ssh] = await Promise.all([SignWorld.make(KEYS), startGitSsh()]);
      await world.accept(['ed25519', 'rsa', 'subkey']);
      await world.remote.gitBare('config', 'http.receivepack', 'true');
      list = await world.pushImage('team/app', '1', [architecture, 's390x']);
      references = TAGS.map((tag) => `${list.name}:${tag}`);
      await Promise.all(references.slice(1).map((to) => world.registry.copy(list.reference, to)));
    });
    after(async () => {
      await Promise.all([world.stop(), ssh.stop()]);
    });

    const sign = async (by: By, to: string, ...args: readonly string[]): Promise<void> => {
      const env = { ...ssh.environment };
      const { code, stdout, stderr } = await world.sign(by, [...references, ...args], { to, env });
      assert.equal(code, 0, stderr);
      said.push(stdout);
    };

    it('is one command for each signer: three tags of a list for two platforms', async () => {
      const [passphrase, token] = [join(directory(), 'passphrase'), join(directory(), 'token')];
      await writeFile(passphrase, `${PASSPHRASE}\n`);
      await writeFile(token, `${TOKEN}\n`);
      const http = await world.remote.serveHttp({ token: TOKEN });
      const overSsh = ssh.urlOf(world.remote.path);
      await sign('ed25519', overSsh, '--passphrase-file', passphrase);
      await sign('rsa', http.url, '--git-token-file', token);
      await sign('subkey', overSsh);
      for (const stdout of said) {
        assert.equal(stdout.match(/^signed /gm)?.length, 9, stdout);
        assert.match(stdout, /\n9 signatures by .* went to .* \(main\), commit [0-9a-f]{12};/);
      }
      // Three digests, with three tags by three signers each.
      const places = (await world.signatures()).map((path) => path.replace(/\/signature-.*/, ''));
      const digests = [list.digest, ...list.instances.values()];
      assert.deepEqual(
        places.toSorted(),
        digests
          .flatMap((digest) => Array<string>(9).fill(`team/app@${digest.replace(':', '=')}`))
          .toSorted(),
      );
    });

    it('and then every signature is served, and every pull accepted', async () => {
      const files = await Promise.all(Object.keys(KEYS).map((name) => world.keyFile(name as By)));
      const keys = files.flatMap((file) => ['--keys', file]);
      const server = await servers.startHere(world.remote.path, [
        ...keys,
        '--state-dir',
        directory(),
      ]);
      assert.equal(server.signatures, 27);
      for (const path of await world.signatures()) {
        const { status } = await fetch(`${server.baseUrl}/${path}`);
        assert.equal(status, 200, path);
      }
      for (const key of files.slice(0, 2)) {
        const options = { scope: world.registry.host, lookaside: server.baseUrl, keys: [key] };
        const node = await makeNode(options);
        for (const reference of references) {
          assertAccepted(await node.pullWithPodman(reference));
          assertAccepted(await node.copyWithSkopeo(reference));
        }
        assertAccepted(await node.copyWithSkopeo(`${list.name}@${list.digest}`, '--all'));
        await node.remove();
      }
    });

    it('and warns of the subkey, which older nodes refuse', () => {
      assert.match(said[2] ?? '', /^warning: signing-subkey: /m);
      assert.doesNotMatch(said.slice(0, 2).join('\n'), /warning/);
    });
  },
);

function assertAccepted({ outcome, stderr }: PullResult): void {
  assert.equal(outcome, 'accepted', stderr);
}
