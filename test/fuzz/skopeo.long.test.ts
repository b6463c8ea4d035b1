import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describeWith } from '../with-tools.ts';
import { judgeNoise, toCase } from './byte-noise.ts';
import { makeCases } from './cases.ts';
import { COMPRESSION, compress, decompress } from './compression.ts';
import { type Judges, compareAll, formatCompared, openJudges } from './compare.ts';
import { type Material, makeMaterial } from './material.ts';
import { TAG, parsePackets } from './packet.ts';
import { PLACES } from './place.ts';
import { makeRandom } from './random.ts';

const CASES = 200;
const NOISE = 3000;
const [PLACE] = PLACES;

describeWith(['skopeo', 'docker-registry', 'gpg', 'gpgv'], 'fuzz: the gate against skopeo', () => {
  const seed = randomInt(2 ** 32);
  let material: Material;
  let judges: Judges;
  before(async () => {
    material = await makeMaterial(makeRandom(seed));
    judges = await openJudges(material.keyring);
  });
  after(() => judges.close());

  it(`says the same of ${CASES} files (seed ${seed})`, async () => {
    const results = await compareAll(makeCases(material, seed, CASES), judges);
    assert.equal(results.length, CASES);
    const disagreements = results.filter(({ isAgreed }) => !isAgreed).map(formatCompared);
    const again = `npm run fuzz -- --seed ${seed} --cases ${CASES}`;
    assert.equal(disagreements.length, 0, [again, ...disagreements].join('\n'));
  });

  it(`takes in process nothing but what was signed (seed ${seed})`, async () => {
    const { accepted, forged } = await judgeNoise(material, seed, NOISE);
    assert.deepEqual(forged, []);
    const results = await compareAll(accepted.map(toCase), judges);
    const disagreements = results.filter(({ isAgreed }) => !isAgreed).map(formatCompared);
    assert.deepEqual(disagreements, []);
  });

  it('refuses what stands behind the message within a compressed packet, as skopeo does', async () => {
    const [base = assert.fail()] = material.messages;
    const [first = assert.fail()] = parsePackets(base.bytes) ?? [];
    const content =
      first.tag === TAG.compressed ? decompress(first.body)?.content : Buffer.from(base.bytes);
    const behind = ['', '00', '0000', '0a', '7f', 'ca', 'ca03504750'];
    const cases = behind.map((bytes) => {
      const body = compress({
        algorithm: COMPRESSION.zlib,
        content: Buffer.concat([content ?? assert.fail(), Buffer.from(bytes, 'hex')]),
      });
      // Of a length that is not told, as GnuPG writes it.
      return toCase({ what: bytes, bytes: Buffer.concat([Buffer.of(0xa3), body]) });
    });
    const results = await compareAll(cases, judges);
    assert.deepEqual(results.filter(({ isAgreed }) => !isAgreed).map(formatCompared), []);
    const refused: string[] = [];
    for (const { what, place, bytes } of cases) {
      const { outcome } = await judges.skopeo.judge(place, bytes);
      if (outcome === 'refused') refused.push(what);
    }
    assert.deepEqual(refused, ['00', '0000', '0a', '7f', 'ca']);
  });

  const good = () => material.messages[0]?.bytes ?? Buffer.alloc(0);
  const FILES: readonly (readonly [string, () => Buffer])[] = [
    ['a good signature', good],
    ['an empty file', () => Buffer.alloc(0)],
    ['a text', () => Buffer.from('text')],
    ['an unknown frame', () => Buffer.from('\0other\n')],
    ['a frame without newline', () => Buffer.from('\0simple-signing')],
    ['a frame that is not ASCII', () => Buffer.from('\0\u00e4\n')],
    ['a framed signature', () => Buffer.concat([Buffer.from('\0simple-signing\n'), good()])],
    ['a sigstore signature', () => Buffer.from('\0sigstore-json\n{}')],
    ['a bad sigstore signature', () => Buffer.from('\0sigstore-json\n{')],
    ['a sigstore signature of bad types', () => Buffer.from('\0sigstore-json\n{"payload":1}')],
    ['nothing but a first byte', () => Buffer.from([0x90])],
    ['a signature that is cut short', () => good().subarray(0, -1)],
  ];
  for (const [name, bytes] of FILES) {
    it(`knows from the message whether ${name} breaks pulls`, async () => {
      const { breaksPulls } = await judges.skopeo.judge(PLACE, bytes());
      assert.equal(breaksPulls, await judges.skopeo.breaksPulls(PLACE, bytes()));
    });
  }
});
