// What `lookaside mirror` brings here, what it leaves alone, and what it tells of an upstream that answers oddly.
import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import {
  LOCAL,
  MIRROR_CONFIG,
  MirrorWorld,
  UPSTREAM,
  blobsOf,
} from '../../kit/push/mirror-world.ts';
import { randomDigest } from '../../kit/push/push-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

interface Told {
  readonly target: { readonly commit?: string };
  readonly summary: Readonly<Record<string, number>>;
  readonly manifests: readonly {
    readonly image: string;
    readonly directory: string;
    readonly status: string;
    readonly doubt: { readonly message: string; readonly isPassing: boolean } | null;
    readonly signatures: readonly { number: number; status: string; by?: string; code?: string }[];
  }[];
  readonly advice: string | null;
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}

function image(name: string, digest: string): string {
  return `${UPSTREAM}/${name}@${digest}`;
}

function here(name: string, digest: string): string {
  return `copies/${name}@sha256=${hexOf(digest)}`;
}

function end(status: number, body = ''): (response: ServerResponse) => void {
  return (response) => {
    response.writeHead(status).end(body);
  };
}

function cut(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Length': 800 });
  response.write(Buffer.alloc(100, 0xa3), () => response.destroy());
}

const ODD: readonly (readonly [
  what: string,
  answer: (response: ServerResponse) => void,
  said: RegExp,
  isPassing: boolean,
])[] = [
  ['403', end(403), /^403 for vendor\/app@sha256=.*\/signature-1$/, false],
  ['401', end(401), /^401 for /, false],
  ['410', end(410), /^410 for /, false],
  ['204', end(204), /^204 for /, false],
  ['a web page with 200', end(200, '<!doctype html><html></html>'), /^200 for .*, but /, false],
  ['JSON with 200', end(200, '{"error":"none"}'), /^200 for .*, but /, false],
  ['nothing with 200', end(200), /^200 for .*, but .*0 bytes/, false],
  ['500', end(500), /^500 for /, true],
  ['520, as a cache says it of a store behind it', end(520), /^520 for /, true],
  ['a connection that is cut', cut, /for vendor\/app@sha256=/, true],
  ['a connection that is closed', (response) => void response.destroy(), / for vendor/, true],
];

describeWith(['gpg', 'gpgv', 'git'], 'a mirror', () => {
  const directory = useTemporary();
  let world: MirrorWorld;
  before(async () => {
    world = await MirrorWorld.make();
  });
  after(() => world.stop());
  beforeEach(() => {
    world.plant = undefined;
    world.asked.length = 0;
  });

  async function run(
    digests: readonly string[],
    args: readonly string[] = [],
    state = directory(),
  ): Promise<{ code: number | null; told: Told; stderr: string }> {
    const json = ['--format', 'json', ...args];
    const { code, stdout, stderr } = await world.mirror(digests, { state, args: json });
    assert.notEqual(stdout, '', stderr);
    return { code, told: JSON.parse(stdout) as Told, stderr };
  }

  it('brings all that a vendor has signed a manifest as, byte for byte', async () => {
    const digest = randomDigest();
    const one = await world.plantSignature('vendor/app', digest, 1);
    const two = await world.plantSignature('vendor/app', digest, 2);
    const { code, told, stderr } = await run([image('app', digest)]);
    assert.equal(code, 0, stderr);
    const [first] = told.manifests;
    assert.deepEqual([first?.status, first?.directory], ['new', here('app', digest)]);
    const there = (await world.mirrored()).get(here('app', digest));
    assert.deepEqual(there, blobsOf(one, two));
    const subject = await world.remote.gitBare('log', '-1', '--format=%s', 'main');
    assert.equal(subject, 'Mirror quay.example/vendor/app:1.1, quay.example/vendor/app:1.2');
  });

  it('leaves alone what it knows, and reads it again with ETags when it is time', async () => {
    const digest = randomDigest();
    const one = await world.plantSignature('vendor/app', digest, 1);
    world.plant = (request, response, right) => {
      response.setHeader('ETag', '"first"');
      const isFirst = request.url?.endsWith('-1') === true;
      if (!isFirst || request.headers['if-none-match'] !== '"first"') return right();
      response.writeHead(304).end();
    };
    assert.equal((await run([image('app', digest)])).code, 0);
    world.asked.length = 0;
    const second = await run([image('app', digest)]);
    assert.deepEqual([second.code, second.told.manifests[0]?.status], [0, 'there']);
    assert.deepEqual(world.asked, []);
    const two = await world.plantSignature('vendor/app', digest, 2);
    const third = await run([image('app', digest)], ['--reread', '0s']);
    assert.deepEqual([third.code, third.told.manifests[0]?.status], [0, 'new']);
    assert.equal(world.asked.length, 3);
    assert.deepEqual((await world.mirrored()).get(here('app', digest)), blobsOf(one, two));
  });

  it('takes what it left out as soon as the rules of the repository take it', async () => {
    const digest = randomDigest();
    const identity = 'access.example/vendor/app:1.0';
    const one = await world.plantSignature('vendor/app', digest, 1);
    const two = await world.plantSignature('vendor/app', digest, 2, { identity });
    const first = await run([image('app', digest)]);
    assert.deepEqual(
      first.told.manifests[0]?.signatures.map(({ status }) => status),
      ['new', 'left-out'],
    );
    world.asked.length = 0;
    await run([image('app', digest)]);
    assert.deepEqual(world.asked, []);
    const remap = `{type: remapIdentity, prefix: ${LOCAL}, signedPrefix: access.example/vendor}`;
    const more = `  ${LOCAL}/app:\n    keys: keys/vendor.asc\n    signedIdentity: ${remap}\n`;
    await world.remote.git('pull', '--quiet', '--ff-only', 'origin', 'main');
    await world.remote.publish({ 'lookaside.yaml': MIRROR_CONFIG + more });
    try {
      const { code, told } = await run([image('app', digest)]);
      assert.deepEqual([code, told.manifests[0]?.status], [0, 'new']);
      assert.deepEqual((await world.mirrored()).get(here('app', digest)), blobsOf(one, two));
    } finally {
      await world.remote.git('pull', '--quiet', '--ff-only', 'origin', 'main');
      await world.remote.publish({ 'lookaside.yaml': MIRROR_CONFIG });
    }
  });

  it('reads what is not here any more, whatever it remembers', async () => {
    const digest = randomDigest();
    const one = await world.plantSignature('vendor/app', digest, 1);
    await run([image('app', digest)]);
    await world.remote.git('pull', '--quiet', '--ff-only', 'origin', 'main');
    await world.remote.publish({ [`${here('app', digest)}/signature-1`]: null });
    const { code, told } = await run([image('app', digest)]);
    assert.deepEqual([code, told.manifests[0]?.status], [0, 'new']);
    assert.deepEqual((await world.mirrored()).get(here('app', digest)), blobsOf(one));
  });

  describe('of a store that answers oddly', () => {
    const state = useTemporary('suite');
    const digests = ODD.map(() => randomDigest());
    const others = ODD.map(() => randomDigest());
    const good: Buffer[] = [];
    let ended: { code: number | null; told: Told };
    before(async () => {
      for (const digest of digests) {
        good.push(await world.plantSignature('vendor/app', digest, 1));
      }
      world.plant = undefined;
      const known = digests.map((digest) => image('app', digest));
      assert.equal((await run(known, [], state())).code, 0);
      world.plant = ({ url = '' }, response, right) => {
        const at = [...digests, ...others].findIndex((one) => url.includes(hexOf(one)));
        const [, answer = right] = ODD[at % ODD.length] ?? [];
        answer(response);
      };
      const all = [...known, ...others.map((digest) => image('app', digest))];
      ended = await run(all, ['--reread', '0s', '--jobs', '16'], state());
    });

    for (const [at, [what, , said, isPassing]] of ODD.entries()) {
      it(`does not take ${what} for "there is none", and keeps what is here`, async () => {
        const [known, unknown] = [ended.told.manifests[at], ended.told.manifests[at + ODD.length]];
        assert.deepEqual([known?.status, unknown?.status], ['unknown', 'unknown']);
        assert.match(known?.doubt?.message ?? '', said);
        assert.equal(known?.doubt?.isPassing, isPassing);
        const there = (await world.mirrored()).get(here('app', digests[at] ?? ''));
        assert.deepEqual(there, blobsOf(good[at] ?? Buffer.of()));
      });
    }

    it('ends with 2', () => {
      assert.equal(ended.code, 2);
    });
  });

  it('tells manifests without a signature, and keeps theirs that it has', async () => {
    const [signed, unsigned] = [randomDigest(), randomDigest()];
    const one = await world.plantSignature('vendor/app', signed, 1);
    await run([image('app', signed)]);
    world.files.clear();
    const { code, told } = await run(
      [image('app', signed), image('app', unsigned)],
      ['--reread', '0s'],
    );
    assert.equal(code, 1);
    assert.deepEqual(
      told.manifests.map(({ status, doubt }) => [status, doubt]),
      [
        ['missing', null],
        ['missing', null],
      ],
    );
    assert.deepEqual((await world.mirrored()).get(here('app', signed)), blobsOf(one));
  });

  it('writes nothing that the keys of the upstream do not vouch for', async () => {
    const digest = randomDigest();
    await world.plantSignature('vendor/app', digest, 1, { key: world.stranger });
    const good = await world.plantSignature('vendor/app', digest, 2);
    const moved = await world.plantSignature('vendor/app', randomDigest(), 1);
    world.files.set(`vendor/app@sha256=${hexOf(digest)}/signature-3`, moved);
    const { code, told } = await run([image('app', digest)]);
    assert.equal(code, 1);
    assert.deepEqual(
      told.manifests[0]?.signatures.map(({ status, by, code: fault }) => [status, by, fault]),
      [
        ['refused', 'upstream', 'unknown-signer'],
        ['new', undefined, undefined],
        ['refused', 'upstream', 'digest-mismatch'],
      ],
    );
    assert.deepEqual((await world.mirrored()).get(here('app', digest)), blobsOf(good));
  });

  it('leaves out names that are of no use here beside others', async () => {
    const digest = randomDigest();
    const good = await world.plantSignature('vendor/app', digest, 1);
    await world.plantSignature('vendor/app', digest, 2, {
      identity: 'access.example/vendor/app:1.1',
    });
    const { code, told } = await run([image('app', digest)]);
    assert.equal(code, 0);
    assert.deepEqual(
      told.manifests[0]?.signatures.map(({ status }) => status),
      ['new', 'left-out'],
    );
    assert.deepEqual((await world.mirrored()).get(here('app', digest)), blobsOf(good));
  });

  it('waits as long as Retry-After says, and goes on', async () => {
    const digest = randomDigest();
    const one = await world.plantSignature('vendor/app', digest, 1);
    let refusedAt = 0;
    let askedAgainAt = 0;
    world.plant = (_request, response, right) => {
      if (refusedAt === 0) {
        refusedAt = performance.now();
        response.writeHead(429, { 'Retry-After': '1' }).end();
        return;
      }
      askedAgainAt ||= performance.now();
      right();
    };
    assert.equal((await run([image('app', digest)])).code, 0);
    assert.ok(askedAgainAt - refusedAt >= 990, `${askedAgainAt - refusedAt} ms`);
    assert.deepEqual((await world.mirrored()).get(here('app', digest)), blobsOf(one));
  });

  it('says of a damaged memory that it begins anew', async () => {
    const digest = randomDigest();
    await world.plantSignature('vendor/app', digest, 1);
    await run([image('app', digest)]);
    const place = join(directory(), 'mirror');
    const file = (await readdir(place)).find((name) => name.endsWith('.json')) ?? '';
    const whole = await readFile(join(place, file), 'utf8');
    await writeFile(join(place, file), whole.slice(0, -10));
    const { code, told, stderr } = await run([image('app', digest)]);
    assert.deepEqual([code, told.manifests[0]?.status], [0, 'there']);
    assert.match(stderr, /warning: .*\.json cannot be used, and all is asked for anew: /);
    assert.ok(world.asked.length > 2);
    assert.equal((await run([image('app', digest)])).stderr, '');
  });

  it('pushes and remembers nothing in a dry run', async () => {
    const digest = randomDigest();
    await world.plantSignature('vendor/app', digest, 1);
    const { code, told } = await run([image('app', digest)], ['--dry-run']);
    assert.deepEqual([code, told.manifests[0]?.status], [0, 'would-be-new']);
    assert.deepEqual(await readdir(directory()), []);
    assert.equal((await world.mirrored()).get(here('app', digest)), undefined);
  });

  it('finds its own proposal again', async () => {
    const digest = randomDigest();
    await world.plantSignature('vendor/app', digest, 1);
    const first = await run([image('app', digest)], ['--pull-request']);
    assert.deepEqual([first.code, first.told.manifests[0]?.status], [0, 'new']);
    const second = await run([image('app', digest)], ['--pull-request']);
    assert.deepEqual([second.code, second.told.manifests[0]?.status], [0, 'proposed']);
    const branches = await world.remote.gitBare('branch', '--list', 'lookaside/*');
    assert.equal(branches.split('\n').length, 1);
    assert.equal((await world.mirrored()).get(here('app', digest)), undefined);
  });
});
