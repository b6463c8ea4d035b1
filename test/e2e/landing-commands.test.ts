// What the page's commands leave on a node, also where they are run twice or break off.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type ExampleServer, startExample } from '../kit/server/example-server.ts';
import { RED, policyOf, signedBy } from '../server/landing/policies.ts';
import { describeWith } from '../with-tools.ts';
import { type FreshNode, makeFreshNode } from '../kit/node/fresh-node.ts';
import { isRoot } from '../kit/node/node-root.ts';
import { readBlocks } from '../kit/browser/page-blocks.ts';

const POLICY = 'etc/containers/policy.json';
const AS_NOBODY = 'setpriv --reuid=65534 --regid=65534 --clear-groups';

describeWith(['gpg'], "the landing page's commands", () => {
  let server: ExampleServer;
  let blocks: ReadonlyMap<string, string>;
  let node: FreshNode;
  before('start', async () => {
    server = await startExample({ policy: await policyOf({ 'r.io': [await signedBy([RED])] }) });
    blocks = readBlocks(await (await fetch(server.url)).text());
  });
  after('stop', async () => server.stop());
  beforeEach(async () => {
    node = await makeFreshNode('r.io');
  });
  afterEach(() => node.remove());

  const blockOf = (label: string): string => blocks.get(`commands that ${label}`) ?? 'false';

  async function follow(commands: string): Promise<void> {
    const { code, stderr } = await node.run(commands);
    assert.equal(code, 0, stderr);
  }

  it('leave files that every user can read, whatever the mask of root', async () => {
    for (const label of ['name the store', 'fetch the keys', 'require signatures']) {
      await follow(`umask 077\n${blockOf(label)}`);
    }
    const files = `/etc/pki/containers/lookaside-r.io.asc /${POLICY}`;
    const stores = '/etc/containers/registries.d/lookaside.yaml';
    if (isRoot) await follow(`${AS_NOBODY} cat ${files} ${stores}`);
    const hidden = await node.run(`find ${files} ${stores} ! -perm -444`);
    assert.deepEqual(hidden, { code: 0, stdout: '', stderr: '' });
    const { stdout } = await node.run('find /etc/pki /etc/containers -name lookaside.new');
    assert.equal(stdout, '');
  });

  it('keep the policy that was there at first, when they are run again', async () => {
    const first = await node.read(POLICY);
    await follow(blockOf('require signatures'));
    await follow(blockOf('require signatures'));
    assert.equal(await node.read(`${POLICY}.before`), first);
    assert.match(await node.read(POLICY), /"signedBy"/);
  });

  it('lead a node that has no policy yet to one', async () => {
    await follow(`rm /${POLICY}\n${blockOf('require signatures')}`);
    assert.match(await node.read(POLICY), /"signedBy"/);
  });

  it('leave the policy as it was, when the transfer breaks off', async () => {
    const first = await node.read(POLICY);
    const broken = createServer((_request, response) => {
      response.writeHead(200, { 'Content-Length': 1000 });
      response.write('{"default": [', () => response.destroy());
    });
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve));
    const address = broken.address();
    assert.ok(address !== null && typeof address === 'object');
    const commands = blockOf('require signatures').replaceAll(
      server.url,
      `http://127.0.0.1:${address.port}`,
    );
    // As pasted into a shell that goes on after a fault.
    const { stderr } = await node.run(`set +e\n${commands}`);
    broken.close();
    assert.match(stderr, /curl: \(18\)/);
    assert.equal(await node.read(POLICY), first);
  });
});
