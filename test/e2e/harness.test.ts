import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describeWith } from '../with-tools.ts';
import { startApache } from '../kit/web/apache.ts';
import { eventually } from '../kit/eventually.ts';
import { makeNode, type Node } from '../kit/node/node.ts';
import { startNginx } from '../kit/web/nginx.ts';
import { type PushedImage, type Registry, startRegistry } from '../kit/registry/registry.ts';
import { signWithSkopeo } from '../kit/signer/sign-with-skopeo.ts';
import { makeSigner, type Signer } from '../kit/signer/signer.ts';
import type { StaticServer } from '../kit/web/static-server.ts';
import { useTemporary } from '../kit/temporary.ts';

const SERVERS = [
  { tool: 'nginx', start: startNginx },
  { tool: 'apache2', start: startApache },
] as const;

for (const { tool, start } of SERVERS) {
  const tools = ['skopeo', 'podman', 'docker-registry', 'gpg', tool] as const;
  describeWith(tools, `the harness: pull through ${tool}`, () => {
    const directory = useTemporary('suite');
    let registry: Registry;
    let signer: Signer;
    let server: StaticServer;
    let node: Node;
    let signed: PushedImage;
    let unsigned: PushedImage;

    before(async () => {
      [registry, signer] = await Promise.all([startRegistry(), makeSigner()]);
      server = await start(directory());
      const key = await signer.makeKey();
      signed = await registry.pushImage({ repository: 'team/app', tag: 'signed' });
      unsigned = await registry.pushImage({ repository: 'team/app', tag: 'unsigned' });
      const stagingDirectory = directory();
      await signWithSkopeo({ signer, key, image: signed.reference, stagingDirectory });
      const keys = [await signer.exportKeys(join(signer.home, 'key.gpg'), key)];
      node = await makeNode({ scope: registry.host, lookaside: server.baseUrl, keys });
    });
    after(() => Promise.all([registry.stop(), signer.stop(), server.stop(), node.remove()]));

    const clients = {
      podman: (image: string) => node.pullWithPodman(image),
      skopeo: (image: string) => node.copyWithSkopeo(image),
    };
    for (const [name, pull] of Object.entries(clients)) {
      it(`accepts a signed image with ${name}`, async () => {
        const { outcome, stderr } = await pull(signed.reference);
        assert.equal(outcome, 'accepted', stderr);
      });
      it(`refuses an unsigned image with ${name}`, async () => {
        const { outcome, stderr } = await pull(unsigned.reference);
        assert.equal(outcome, 'refused');
        assert.match(stderr, /A signature was required, but no signature exists/);
      });
    }

    it('shows in the access log what was asked for', async () => {
      const path = `/team/app@${signed.digest.replace(':', '=')}/signature-1`;
      await node.copyWithSkopeo(signed.reference);
      await eventually(async () => {
        const log = await server.accessLog();
        assert.ok(log.includes(`"GET ${path} HTTP/1.1" 200`), log);
      });
    });
  });
}
