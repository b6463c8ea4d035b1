import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeWith } from '../with-tools.ts';
import { assertServed } from '../kit/program/assert-served.ts';
import { eventually } from '../kit/eventually.ts';
import { type Changes, type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { makePublisher, type Publisher, type SignedFile } from '../kit/signer/publisher.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';

const PUSHES = 200;
const CLIENTS = 50;
/** Between two lookups of a client, in milliseconds, so that the clients leave time for the pushes. */
const PAUSE = 100;

describeWith(['gpg', 'git'], 'concurrency', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;

  before(async () => {
    [publisher, remote] = await Promise.all([makePublisher(), makeGitRemote()]);
  });
  after(() => Promise.all([publisher.stop(), remote.remove()]));

  const signMany = (count: number, repository: string) =>
    Promise.all(Array.from({ length: count }, () => publisher.sign({ repository })));

  it(`answers ${CLIENTS} clients rightly during ${PUSHES} pushes`, async () => {
    const steady = await signMany(5, 'team/steady');
    const passing = await signMany(5, 'team/passing');
    const beside = await Promise.all(
      steady.map(async ({ location }) => {
        const digest = location.replace(/^.*@sha256=(.*)\/.*$/, 'sha256:$1');
        return publisher.sign({ repository: 'team/steady', digest, number: 2 });
      }),
    );
    const [last] = await signMany(1, 'team/last');
    assert.ok(last);
    await remote.publish(Object.fromEntries(steady.map((file) => [file.location, file.bytes])));
    const server = await servers.start(remote.path, publisher.serveArgs(directory()));

    const wrong = new Set<string>();
    const pushing = new AbortController();
    let lookups = 0;
    async function keepAsking({ location, bytes }: SignedFile): Promise<void> {
      while (!pushing.signal.aborted) {
        const answer = await lookUp(server, location);
        if (answer.status !== 200 || !answer.bytes.equals(bytes)) {
          wrong.add(`${answer.status} ${answer.bytes.toString('base64')}`);
        }
        lookups += 1;
        await sleep(PAUSE);
      }
    }
    const clients = Array.from({ length: CLIENTS / steady.length }, () => steady.map(keepAsking));

    // Signatures beside steady ones, and images of their own: there after one push, gone after
    // the next.
    const makeChanges = (push: number): Changes => {
      const index = Math.floor(push / 2) % passing.length;
      const files = [passing[index], beside[index]].filter((file) => file !== undefined);
      return Object.fromEntries(
        files.map(({ location, bytes }) => [location, push % 2 === 0 ? bytes : null]),
      );
    };
    for (let push = 0; push < PUSHES - 1; push++) {
      await publisher.announce(server, await remote.publish(makeChanges(push)));
    }
    await publisher.announce(server, await remote.publish({ [last.location]: last.bytes }));
    await eventually(() => assertServed(server, last));
    pushing.abort();
    await Promise.all(clients.flat());

    assert.deepEqual([...wrong], []);
    assert.ok(lookups > PUSHES, `${lookups} lookups`);
    assert.equal(server.stderr().includes('"level":"error"'), false);
    const status = await readStatus(server);
    assert.equal(status.generation?.commit, await remote.git('rev-parse', 'HEAD'));
    assert.equal(status.summary?.rejected, 0);
  });
});
