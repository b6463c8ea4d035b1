// Numbering against a model: what stands in a directory, and one push after the other onto it.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Signature } from '../../../generator/gate/judge.ts';
import { createScope } from '../../../generator/policy/policy.ts';
import { parseDirectory, parseLocation } from '../../../generator/terms/location.ts';
import { chooseByContent, chooseNext } from '../../../signing/push/choose-number.ts';
import type { GoodCandidate } from '../../../signing/push/judge-candidates.ts';
import { type PlanOptions, planPush } from '../../../signing/push/plan-push.ts';
import type { PublishedFile } from '../../../signing/push/published-signatures.ts';

const HEX = 'ab'.repeat(32);
const SCOPE = createScope('', undefined, [{ type: 'insecureAcceptAnything' }]);

/** A signature by what makes it differ from others. */
interface Sketch {
  readonly repository: number;
  readonly tag: number;
  readonly signer: number;
  /** Two with the same salt are the same bytes. */
  readonly salt: number;
  readonly validUntil: number;
}

const sketch: fc.Arbitrary<Sketch> = fc.record({
  repository: fc.integer({ min: 0, max: 1 }),
  tag: fc.integer({ min: 0, max: 2 }),
  signer: fc.integer({ min: 0, max: 1 }),
  salt: fc.integer({ min: 0, max: 2 }),
  validUntil: fc.constantFrom(1, 2, Infinity),
});

const toCandidate = (drawn: Sketch): GoodCandidate => {
  const { repository, tag, signer, validUntil } = drawn;
  const place = parseDirectory(`team/app${repository}@sha256=${HEX}`);
  assert.ok(place);
  const bytes = Buffer.from(Object.values(drawn).join(' '));
  const fingerprint = String(signer);
  const signature: Signature = {
    status: 'accepted',
    bytes,
    hash: bytes.toString('base64url'),
    claims: {
      dockerReference: `registry.example/team/app${repository}:v${tag}`,
      manifestDigest: `sha256:${HEX}`,
      creator: null,
      timestamp: null,
    },
    signer: { fingerprint, primaryFingerprint: fingerprint },
    scope: SCOPE,
    meets: [],
    signedAt: 0,
    validFrom: -Infinity,
    validUntil,
    gpgv: undefined,
    warnings: [],
  };
  return { candidate: { origin: 'test', bytes }, place, signature };
};

/** What somebody else left there: any number, any bytes. */
const strangers = fc.uniqueArray(fc.integer({ min: 1, max: 999_999_999 }), { maxLength: 5 });

const OPTIONS = { subtree: 'served', takesRepeats: false };
const CHOICES: Readonly<Record<string, PlanOptions['chooseNumber']>> = {
  chooseNext,
  chooseByContent,
};

describe('one push after the other', () => {
  for (const [name, chooseNumber] of Object.entries(CHOICES)) {
    it(`leaves each signature once, and nothing moves, by ${name}`, () => {
      fc.assert(
        fc.property(strangers, fc.array(fc.array(sketch, { maxLength: 6 })), (numbers, pushes) => {
          const files = new Map<string, PublishedFile>();
          for (const number of numbers) {
            const path = `served/team/app0@sha256=${HEX}/signature-${number}`;
            files.set(path, {
              path,
              number,
              id: '',
              bytes: Buffer.from(path),
              signature: undefined,
            });
          }
          /** The model: what anybody was told is there. */
          const told = new Set<string>();
          for (const drawn of pushes) {
            const candidates = drawn.map(toCandidate);
            const published = publishedOf(files);
            const { placements } = planPush(candidates, published, { ...OPTIONS, chooseNumber });
            assert.equal(placements.length, candidates.length);
            for (const [index, placement] of placements.entries()) {
              const { candidate, signature } = candidates[index] ?? assert.fail();
              if (placement.kind === 'new') {
                assert.ok(!files.has(placement.path), 'nothing is overwritten');
                const location = parseLocation(placement.path.slice('served/'.length));
                assert.ok(location);
                const { number } = location;
                files.set(placement.path, {
                  path: placement.path,
                  number,
                  id: '',
                  bytes: candidate.bytes,
                  signature,
                });
                told.add(Buffer.from(candidate.bytes).toString());
                continue;
              }
              assert.equal(placement.kind, 'there');
              const other = files.get(placement.kind === 'there' ? placement.path : '');
              assert.ok(other, 'what is said to be there is there');
              const isSame = Buffer.compare(other.bytes, candidate.bytes) === 0;
              assert.equal(placement.kind === 'there' && placement.isSame, isSame);
              if (isSame) continue;
              assert.deepEqual(other.signature?.claims, signature.claims);
              assert.deepEqual(other.signature?.signer, signature.signer);
              assert.ok((other.signature?.validUntil ?? 0) >= signature.validUntil);
            }
          }
          const kept = [...files.values()].filter(({ signature }) => signature);
          assert.deepEqual(
            kept.map(({ bytes }) => Buffer.from(bytes).toString()).toSorted(),
            [...told].toSorted(),
          );
        }),
      );
    });
  }

  it('makes no directory longer than nodes read it', () => {
    const candidates = Array.from({ length: 130 }, (_, tag) =>
      toCandidate({ repository: 0, tag, signer: 0, salt: 0, validUntil: 1 }),
    );
    const options = { ...OPTIONS, chooseNumber: chooseNext };
    const { placements } = planPush(candidates, new Map(), options);
    assert.deepEqual(
      placements.map(({ kind }) => kind),
      [...Array.from({ length: 127 }, () => 'new'), 'refused', 'refused', 'refused'],
    );
  });
});

function publishedOf(
  files: ReadonlyMap<string, PublishedFile>,
): ReadonlyMap<string, readonly PublishedFile[]> {
  const published = new Map<string, PublishedFile[]>();
  for (const [path, file] of files) {
    const directory = parseLocation(path.slice('served/'.length))?.directory ?? '';
    published.set(directory, [...(published.get(directory) ?? []), file]);
  }
  return published;
}
