// Whatever an upstream has from run to run, and wherever it answers oddly, a mirror has what could be read so far,
// and keeps it: compared with a model.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { MirrorWorld, UPSTREAM, blobsOf } from '../../kit/push/mirror-world.ts';
import { randomDigest } from '../../kit/push/push-world.ts';
import { formatLocation } from '../../kit/signer/signature-tree.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

/** Milliseconds. */
const LIMIT = 600_000;
const DIGESTS = [randomDigest(), randomDigest(), randomDigest()] as const;
const SIGNATURES = 4;
const RUNS = 25;

/** What the upstream has of a manifest in a run: which signatures, in which order, and what comes in place of one. */
interface State {
  readonly order: readonly number[];
  /** How many of them there are. */
  readonly count: number;
  /** Behind so many of them comes something odd; undefined for nowhere. */
  readonly oddAt: number | undefined;
  readonly odd: number;
}

const state: fc.Arbitrary<State> = fc.record({
  order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: SIGNATURES, maxLength: SIGNATURES }),
  count: fc.nat(SIGNATURES),
  oddAt: fc.option(fc.nat(SIGNATURES), { nil: undefined }),
  odd: fc.constantFrom(200, 204, 401, 403, 410),
});

describeWith(['gpg', 'gpgv', 'git'], 'a mirror of an upstream that changes', () => {
  const directory = useTemporary('suite');
  let world: MirrorWorld;
  const signed = new Map<string, readonly Buffer[]>();
  /** What the repository should have, by digest. */
  const model = new Map<string, Set<Buffer>>();
  before(async () => {
    world = await MirrorWorld.make();
    for (const digest of DIGESTS) {
      const all: Buffer[] = [];
      for (let number = 1; number <= SIGNATURES; number++) {
        all.push(await world.plantSignature('vendor/app', digest, number));
      }
      signed.set(digest, all);
      model.set(digest, new Set());
    }
  });
  after(() => world.stop());

  /** Puts a state into place, and notes what can be read of it. */
  function plant(digest: string, { order, count, oddAt = Infinity }: State): number {
    const all = order.slice(0, count).flatMap((at) => signed.get(digest)?.[at] ?? []);
    for (let number = 1; number <= SIGNATURES; number++) {
      const bytes = all[number - 1];
      const location = formatLocation('vendor/app', digest, number);
      if (bytes) world.files.set(location, bytes);
      else world.files.delete(location);
    }
    const readable = all.slice(0, oddAt);
    for (const bytes of readable) model.get(digest)?.add(bytes);
    return readable.length;
  }

  it('has all that could be read, and never less than before', async () => {
    const states = fc.tuple(state, state, state);
    await fc.assert(
      fc.asyncProperty(states, fc.boolean(), async (each, isParallel) => {
        const readable = each.map((one, at) => plant(DIGESTS[at] ?? '', one));
        const odd = new Map<string, number>(
          each.flatMap(({ oddAt, odd: status, count }, at) => {
            const location = formatLocation('vendor/app', DIGESTS[at] ?? '', (oddAt ?? 0) + 1);
            return oddAt !== undefined && oddAt <= count ? [[`/${location}`, status] as const] : [];
          }),
        );
        world.plant = ({ url = '' }, response, right) => {
          const status = odd.get(url);
          if (status === undefined) right();
          else response.writeHead(status).end(status === 200 ? '<html></html>' : undefined);
        };
        const images = DIGESTS.map((digest) => `${UPSTREAM}/app@${digest}`);
        const args = ['--reread', '0s', '--format', 'json', '--jobs', isParallel ? '4' : '1'];
        const { code, stdout, stderr } = await world.mirror(images, { state: directory(), args });
        const here = await world.mirrored();
        for (const [at, digest] of DIGESTS.entries()) {
          const found = here.get(`copies/app@${digest.replace(':', '=')}`) ?? [];
          assert.deepEqual(found, blobsOf(...(model.get(digest) ?? [])));
          const { manifests } = JSON.parse(stdout) as { manifests: { status: string }[] };
          const isOdd = odd.has(
            `/${formatLocation('vendor/app', digest, (readable[at] ?? 0) + 1)}`,
          );
          const status = manifests[at]?.status ?? '';
          if (readable[at] === 0) assert.equal(status, isOdd ? 'unknown' : 'missing', stderr);
          else assert.match(status, /^(?:new|there)$/, stderr);
        }
        const isUnknown = readable.some(
          (count, at) =>
            count === 0 && odd.has(`/${formatLocation('vendor/app', DIGESTS[at] ?? '', 1)}`),
        );
        const isMissing = readable.includes(0);
        assert.equal(code, isUnknown ? 2 : isMissing ? 1 : 0);
      }),
      { numRuns: RUNS },
    );
  }).timeout(LIMIT);
});
