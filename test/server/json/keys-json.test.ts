// What a server says of keys is what the command says of the same signatures, in JSON and on its page.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Lookaside } from '../../kit/program/lookaside.ts';
import { runInProcess } from '../../kit/program/run-in-process.ts';
import { startLookasideHere } from '../../kit/program/lookaside-here.ts';
import { type GitRemote, makeGitRemote } from '../../kit/remote/git-remote.ts';
import { type Publisher, makePublisher } from '../../kit/signer/publisher.ts';
import type { SigningKey } from '../../kit/signer/signer.ts';
import { describeWith } from '../../with-tools.ts';

/** More than a page names. */
const IMAGES = 60;

describeWith(['gpg', 'git'], '/keys.json and the page of keys', () => {
  let publisher: Publisher;
  let remote: GitRemote;
  let ending: SigningKey;
  let keyFile: string;
  let server: Lookaside;
  before('serve', async () => {
    [publisher, remote] = await Promise.all([makePublisher(), makeGitRemote()]);
    const { signer, sign, key } = publisher;
    ending = await signer.makeKey({ algorithm: 'ed25519', expires: '90d', name: '<i>Ending' });
    keyFile = await signer.exportKeys(join(signer.home, 'both.gpg'), key, ending);
    const files: Record<string, Buffer> = {};
    for (let index = 0; index < IMAGES; index++) {
      const { location, bytes } = await sign({ key: ending, repository: `team/app-${index}` });
      files[location] = bytes;
    }
    const { location, bytes } = await sign({ repository: 'team/lasting' });
    await remote.publish({ ...files, [location]: bytes });
    server = await startLookasideHere(remote.path, [`--keys=${keyFile}`, '--poll=0s']);
  });
  after(async () => {
    await server.stop();
    await Promise.all([publisher.stop(), remote.remove()]);
  });

  const ask = async (query: string): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await fetch(`${server.statusUrl}/keys.json?${query}`);
    return {
      status: response.status,
      body: (await response.json()) as Record<string, unknown>,
    };
  };
  const askCommand = async (...args: readonly string[]): Promise<Record<string, unknown>> => {
    const words = ['keys', remote.path, '--keys', keyFile, '--format', 'json', ...args];
    const { stdout } = await runInProcess(words);
    return JSON.parse(stdout.toString()) as Record<string, unknown>;
  };

  it('say what the command says', async () => {
    const questions: readonly (readonly [string, ...string[]])[] = [
      ['limit=1000'],
      ['limit=1000&at=2100-01-01', '--at', '2100-01-01'],
      [`limit=1000&without=${ending.fingerprint}`, '--without', ending.fingerprint],
    ];
    for (const [query, ...args] of questions) {
      const { status, body } = await ask(query);
      const { source, undecided, ...said } = await askCommand(...args);
      assert.ok(source);
      assert.equal(undecided, 0);
      const { generation, ...answered } = body;
      assert.ok(generation);
      assert.equal(status, 200);
      assert.deepEqual(withoutTime(answered), withoutTime(said));
    }
  });

  it('name some of the lost images, and count all', async () => {
    const { body } = await ask('at=100d&limit=3');
    const { lostImages, images } = body['forecast'] as {
      lostImages: number;
      images: readonly object[];
    };
    assert.deepEqual([lostImages, images.length], [IMAGES, 3]);
    const page = await (await fetch(`${server.statusUrl}/keys?at=100d`)).text();
    assert.match(page, new RegExp(`${IMAGES} images\\s+of 61 would be refused`));
    assert.match(page, /Some of them are below/);
    assert.equal(page.match(/<tr role="row" data-key="registry\.example\//g)?.length, 50);
    assert.match(page, /&#60;i&#62;Ending/);
  });

  const faults: Readonly<Record<string, RegExp>> = {
    'at=soon': /^at: expected a date like/,
    'at=2020-01-01': /^at: expected a time to come/,
    'without=ABCD': /^without: expected fingerprints of accepted keys, got "ABCD"/,
    'limit=0': /^limit: expected a number from 1 to 1000/,
    'when=90d': /^when: unknown parameter/,
    'at=1d&at=2d': /^at: expected one value/,
  };
  for (const [query, message] of Object.entries(faults)) {
    it(`refuse ${query}`, async () => {
      const { status, body } = await ask(query);
      assert.equal(status, 400);
      assert.match(String(body['message']), message);
      if (/^(?:limit|when)/.test(query)) return;
      assert.equal((await fetch(`${server.statusUrl}/keys?${query}`)).status, 400);
    });
  }
});

/** Without the time of the question, where that is now. */
function withoutTime({ forecast, ...others }: Record<string, unknown>): object {
  return { ...others, ...(forecast !== undefined && { forecast: { ...forecast, at: '' } }) };
}
