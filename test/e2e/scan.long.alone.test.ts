import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Agent, request } from 'node:http';
import { readResident } from '../../scripts/bench/process/proc.ts';
import { describeWith } from '../with-tools.ts';
import { makePublisher } from '../kit/signer/publisher.ts';
import { formatLocation, writeSignature } from '../kit/signer/signature-tree.ts';
import { useTemporary } from '../kit/temporary.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';

const LOOKUPS = 40_000;
const CONNECTIONS = 16;
/** With images, and more than there is room for when each is scanned. */
const REPOSITORIES = 17;
/** Far less than what so many lookups would take if they were remembered. */
const MOST_GROWTH = 64 * 1024 * 1024;
/** As serve keeps at most of repositories that it does not know, and of one repository. */
const MOST_UNKNOWN = 1024;
const MOST_OF_REPOSITORY = 256;
const MOST_KNOWN = 4096;

interface Refused {
  readonly images: number;
  readonly dropped: number;
  readonly refused: readonly { readonly repository: string; readonly digest: string }[];
}

const digestOf = (name: string): string =>
  `sha256:${createHash('sha256').update(name).digest('hex')}`;

describeWith(['gpg'], 'a scanner', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  after(() => agent.destroy());

  const ask = async (url: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      request(url, { agent }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      })
        .on('error', reject)
        .end();
    });

  it('costs little, and pushes out no refused pull of a repository that is served', async () => {
    const publisher = await makePublisher();
    const digest = digestOf('signed');
    const names = Array.from({ length: REPOSITORIES }, (_, index) => `team/app-${index}`);
    for (const repository of names) {
      const { bytes } = await publisher.sign({ repository, digest });
      await writeSignature(directory(), { repository, digest, number: 1 }, bytes);
    }
    const server = await servers.start(directory(), [`--keys=${publisher.keyFile}`]);
    const urlOf = (repository: string, name: string): string =>
      `${server.baseUrl}/${formatLocation(repository, digestOf(name), 1)}`;
    const askAll = async (urls: readonly string[]): Promise<void> => {
      const statuses = await Promise.all(urls.map(ask));
      assert.deepEqual(new Set(statuses), new Set([404]));
    };
    const wanted = ['one', 'two', 'three'];
    // A node tries again; who only looks around does not.
    for (let time = 0; time < 2; time++)
      await askAll(wanted.map((name) => urlOf('team/app-0', name)));

    let scans = 0;
    const before = readResident(server.pid);
    for (let done = 0; done < LOOKUPS; done += 1000) {
      const batch = Array.from({ length: 1000 }, (_, index) => `${done + index}`);
      await askAll(batch.map((name) => urlOf(`scan/${name}`, name)));
    }
    for (const name of [...names, ...names]) {
      const batch = Array.from({ length: MOST_OF_REPOSITORY }, () => `${name} ${scans++}`);
      await askAll(batch.map((scan) => urlOf(name, scan)));
    }
    const grown = readResident(server.pid) - before;
    assert.ok(grown < MOST_GROWTH, `grew by ${grown} bytes`);

    const response = await fetch(`${server.statusUrl}/refused.json?limit=10000`);
    const { images, dropped, refused } = (await response.json()) as Refused;
    assert.equal(refused.length, images);
    assert.equal(images + dropped, wanted.length + LOOKUPS + scans);
    assert.equal(images, MOST_UNKNOWN + MOST_KNOWN);
    const known = refused.filter(({ repository }) => names.includes(repository));
    assert.equal(known.length, MOST_KNOWN);
    const digests = new Set(known.map((pull) => pull.digest));
    for (const name of wanted) assert.ok(digests.has(digestOf(name)), name);
    const location = formatLocation('team/app-16', digest, 1);
    assert.equal(await ask(`${server.baseUrl}/${location}`), 200);
    await publisher.stop();
  });
});
