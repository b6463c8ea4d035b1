// The rule beside a model of it, in worlds of few names, digests and moments, where everything collides. The
// model is written from the words of docs/resolve.md: it looks at all signatures for each digest, and at all
// sets of lists, and shares no line with the rule.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import type { Policy } from '../../../generator/policy/policy.ts';
import type { SignedIdentity } from '../../../generator/policy/signed-identity.ts';
import type { KnownManifest } from '../../../generator/resolve/manifest-memory.ts';
import { resolveReference } from '../../../generator/resolve/resolve-reference.ts';
import { parseWrittenImage } from '../../../generator/terms/image-name.ts';
import { formatDirectory } from '../../../generator/terms/location.ts';
import { atLength } from '../../kit/at-length.ts';
import { changeSigned } from './change-signed.ts';
import { keyringOf } from '../../kit/samples/samples.ts';
import {
  NAME,
  SINGLE,
  type Signed,
  type World,
  hexOf,
  listOf,
  optionsOf,
  policyOf,
  resolveIn,
  signedBy,
  tell,
} from './resolve-world.ts';

const HEXES = ['a', 'b', 'c', 'd', 'e'].map(hexOf);
const WORLDS = atLength(2000, 10_000);

interface Rule {
  readonly name: string;
  readonly signers: readonly Keyring[];
  readonly policy: Policy;
  /** The name that must be signed for the tag. */
  readonly as: string;
}

describe('generator: resolve, beside a model', () => {
  let red: Keyring;
  let blue: Keyring;
  let rules: readonly Rule[];
  before(async () => {
    [red, blue] = await Promise.all([
      keyringOf('lab/keys/ed25519.gpg'),
      keyringOf('lab/keys/ecdsa-p256.gpg'),
    ]);
    const other = { host: 'reg.io', repository: 'other/app', tag: undefined, digest: undefined };
    const identities: readonly (readonly [SignedIdentity, string])[] = [
      [{ type: 'matchRepoDigestOrExact' }, `${NAME}:1`],
      [{ type: 'matchRepository' }, `${NAME}:1`],
      [{ type: 'exactRepository', repository: other }, 'reg.io/other/app:1'],
    ];
    rules = await Promise.all(
      identities.flatMap(([identity, as]) =>
        [[red], [red, blue]].map(async (signers) => ({
          name: `${identity.type} ${signers.length}`,
          signers,
          as,
          policy: await policyOf(...signers.map((key) => signedBy(key, identity))),
        })),
      ),
    );
  });

  const hex = fc.constantFrom(...HEXES);
  const manifest: fc.Arbitrary<KnownManifest | undefined> = fc.oneof(
    { weight: 3, arbitrary: fc.constant(SINGLE) },
    fc.constant({ kind: 'missing' as const }),
    fc.constant(undefined),
    { weight: 3, arbitrary: fc.subarray(HEXES, { minLength: 1 }).map((of) => listOf(...of)) },
  );
  const signature = fc.record({
    hex,
    as: fc.constantFrom(
      `${NAME}:1`,
      `${NAME}:1`,
      `${NAME}:2`,
      'reg.io/other/app:1',
      `${NAME}@sha256:${hexOf('a')}`,
    ),
    by: fc.boolean(),
    at: fc.integer({ min: 1, max: 4 }),
    in: fc.constantFrom('team/app', 'team/app', 'team/app', 'mirror/app'),
    until: fc.constantFrom(Infinity, Infinity, Infinity, 50),
  });
  const world = fc.record({
    rule: fc.nat(5),
    signed: fc.array(signature, { maxLength: 10 }),
    manifests: fc.array(manifest, { minLength: 5, maxLength: 5 }),
    arrivals: fc.array(fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }), {
      minLength: 5,
      maxLength: 5,
    }),
  });

  type Made = typeof world extends fc.Arbitrary<infer Value> ? Value : never;
  const toWorld = (made: Made): { world: World; rule: Rule } => {
    const rule = rules[made.rule] ?? assert.fail();
    const manifests = Object.fromEntries(
      HEXES.flatMap((one, at) => {
        const known = made.manifests[at];
        // No digest is that of a list which holds a list that holds it: a hash cannot be.
        const isList = known?.kind === 'list';
        const instances = isList ? known.instances.filter(({ digestHex }) => digestHex > one) : [];
        if (isList && instances.length === 0) return [[one, SINGLE]];
        return known ? [[one, isList ? { kind: 'list' as const, instances } : known]] : [];
      }),
    );
    const arrivals = Object.fromEntries(
      HEXES.flatMap((one, at) => {
        const arrival = made.arrivals[at];
        return arrival === undefined ? [] : [[formatDirectory('team/app', one), arrival]];
      }),
    );
    const signed = made.signed.map((one) => ({ ...one, by: one.by ? red : blue }));
    return { rule, world: { policy: rule.policy, signed, manifests, arrivals } };
  };

  it('says the same of a tag in thousands of worlds', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(world, (made) => {
        const { world: one, rule } = toWorld(made);
        const said = tell(resolveIn(one, `${NAME}:1`));
        const kind = said.replace(/^[a-e] /, '');
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
        const expected = modelOf(one, rule);
        assert.ok(expected.test(said), `expected ${String(expected)}, got ${said}`);
      }),
      { numRuns: WORLDS },
    );
    for (const kind of [
      'only',
      'list',
      'newest',
      'refused ambiguous',
      'refused manifests-not-known',
    ]) {
      assert.ok((seen.get(kind) ?? 0) > 0, `${kind}: ${seen.get(kind)}`);
    }
  });

  it('takes what it gave, when it is given back', () => {
    fc.assert(
      fc.property(world, (made) => {
        const { world: one } = toWorld(made);
        const options = optionsOf(one);
        const image = parseWrittenImage(`${NAME}:1`) ?? assert.fail();
        const { verdict, digestHex } = resolveReference(image, options);
        if (verdict !== 'resolved') return;
        const again = resolveReference({ ...image, digest: `sha256:${digestHex}` }, options);
        assert.deepEqual([tell(again).slice(2), again.digestHex], ['given', digestHex]);
        assert.deepEqual(
          again.warnings.filter(({ code }) => code === 'other-tags'),
          [],
        );
      }),
      { numRuns: WORLDS / 5 },
    );
  });

  it('finds the same after changes as in a store that was indexed anew', () => {
    fc.assert(
      fc.property(world, fc.array(signature, { maxLength: 8 }), (made, later) => {
        const { world: one } = toWorld(made);
        const signed = later.map((more) => ({ ...more, by: more.by ? red : blue }));
        const options = optionsOf(one);
        changeSigned(options.store, one.signed, signed);
        const image = parseWrittenImage(`${NAME}:1`) ?? assert.fail();
        const anew = resolveReference(image, optionsOf({ ...one, signed }));
        assert.equal(tell(resolveReference(image, options)), tell(anew));
      }),
      { numRuns: WORLDS / 5 },
    );
  });
});

/** What the documentation says of a tag, as the answers that are right. */
function modelOf({ signed, manifests = {}, arrivals = {} }: World, { signers, as }: Rule): RegExp {
  const good = signed.filter((one) => one.in !== 'mirror/app' && one.until !== 50 && one.as === as);
  const timeOf = (hex: string): number =>
    Math.min(
      ...signers.map((key) =>
        Math.max(...good.filter((one) => one.hex === hex && one.by === key).map(({ at }) => at)),
      ),
    );
  const times = new Map(HEXES.map((hex) => [hex, timeOf(hex)]));
  const isSigned = (hex: string): boolean => (times.get(hex) ?? -Infinity) > 0;
  const signedHexes = HEXES.filter(isSigned);
  if (signedHexes.length === 0) return explainNone(signed, as);
  if (signedHexes.length === 1) return new RegExp(`^${signedHexes[0]?.[0]} only$`);
  const partsOf = (hex: string): readonly string[] => {
    const known = manifests[hex];
    return known?.kind === 'list' ? known.instances.map(({ digestHex }) => digestHex) : [];
  };
  const below = (lists: readonly string[]) => new Set(lists.flatMap(partsOf));
  const loose = signedHexes.filter((hex) => !below(signedHexes).has(hex));
  const whole = HEXES.filter(
    (hex) =>
      !isSigned(hex) &&
      partsOf(hex).length > 0 &&
      partsOf(hex).every((part) => loose.includes(part)),
  );
  const oldestOf = (hex: string): number =>
    Math.min(...partsOf(hex).map((part) => times.get(part) ?? 0));
  const largest = whole.filter(
    (hex) =>
      !whole.some(
        (other) =>
          oldestOf(other) >= oldestOf(hex) &&
          partsOf(other).length > partsOf(hex).length &&
          partsOf(hex).every((part) => partsOf(other).includes(part)),
      ),
  );
  for (const hex of largest) times.set(hex, oldestOf(hex));
  const isBelow = (hex: string): boolean =>
    largest.some(
      (list) => partsOf(list).includes(hex) && (times.get(hex) ?? 0) <= (times.get(list) ?? 0),
    );
  const left = [...loose.filter((hex) => !isBelow(hex)), ...largest];
  if (left.length === 1) return new RegExp(`^${left[0]?.[0]} list$`);
  const newest = Math.max(...left.map((hex) => times.get(hex) ?? 0));
  const top = left.filter((hex) => times.get(hex) === newest);
  const isUnknown = (hex: string): boolean => manifests[hex] === undefined;
  const [first = ''] = top;
  if (top.length === 1) {
    const others = left.filter((hex) => hex !== first && isUnknown(hex));
    return partsOf(first).length > 0 || others.length === 0
      ? new RegExp(`^${first[0]} newest$`)
      : /^refused manifests-not-known$/;
  }
  if (left.some(isUnknown)) return /^refused manifests-not-known$/;
  const order = top.map((hex) => arrivals[formatDirectory('team/app', hex)]);
  if (order.some((one) => one === undefined)) return /^refused ambiguous$/;
  const last = top.filter((_, at) => order[at] === Math.max(...order.map(Number)));
  return last.length === 1 ? new RegExp(`^${last[0]?.[0]} newest$`) : /^refused ambiguous$/;
}

function explainNone(signed: readonly Signed[], as: string): RegExp {
  const here = signed.filter((one) => one.in !== 'mirror/app');
  if (here.length === 0) return /^refused repository-not-signed$/;
  // Which of several faults is named depends on which signature is the newest.
  return here.some((one) => one.as === as)
    ? /^refused (?:other-signer|no-longer-good|tag-not-signed|other-name|co-signature-missing)$/
    : /^refused tag-not-signed$/;
}
