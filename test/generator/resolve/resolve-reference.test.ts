import assert from 'node:assert/strict';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { createPolicy, createScope } from '../../../generator/policy/policy.ts';
import { formatDirectory } from '../../../generator/terms/location.ts';
import { keyringOf } from '../../kit/samples/samples.ts';
import {
  NAME,
  SINGLE,
  type Signed,
  type World,
  hexOf,
  listOf,
  policyOf,
  resolveIn,
  signedBy,
  tell,
} from './resolve-world.ts';

const [A, B, C] = [hexOf('a'), hexOf('b'), hexOf('c')];
const directoryOf = (hex: string): string => formatDirectory('team/app', hex);

describe('generator: resolve a reference', () => {
  let red: Keyring;
  let blue: Keyring;
  let byRed: World['policy'];
  before(async () => {
    [red, blue] = await Promise.all([
      keyringOf('lab/keys/ed25519.gpg'),
      keyringOf('lab/keys/ecdsa-p256.gpg'),
    ]);
    byRed = await policyOf(signedBy(red));
  });
  const sign = (hex: string, at = 1, more: Partial<Signed> = {}): Signed => ({
    hex,
    as: `${NAME}:1.0`,
    by: red,
    at,
    ...more,
  });
  const told = (world: Partial<World>, image?: string): string =>
    tell(resolveIn({ policy: byRed, signed: [], ...world }, image));

  describe('by a tag', () => {
    it('takes the only digest that is signed for it', () => {
      assert.equal(told({ signed: [sign(A)] }), 'a only');
    });
    it('takes latest where there is none', () => {
      assert.equal(told({ signed: [sign(A, 1, { as: `${NAME}:latest` })] }, NAME), 'a only');
    });
    it('keeps the tag beside the digest', () => {
      const { image, digestHex } = resolveIn({ policy: byRed, signed: [sign(A)] });
      assert.deepEqual([image.tag, digestHex], ['1.0', A]);
    });
    it('knows a name that was signed with the old name of docker.io', async () => {
      const policy = await createPolicy([createScope('', undefined, [signedBy(red)])]);
      const signed = [sign(A, 1, { as: 'index.docker.io/library/app:1.0', in: 'library/app' })];
      assert.equal(told({ policy, signed }, 'app:1.0'), 'a only');
    });
    it('takes the newest of several, whatever order they came in', () => {
      const manifests = { [A]: SINGLE, [B]: SINGLE };
      assert.equal(told({ signed: [sign(A, 2), sign(B, 1)], manifests }), 'a newest');
      assert.equal(told({ signed: [sign(B, 1), sign(A, 2)], manifests }), 'a newest');
    });
    it('takes an old digest that was signed again', () => {
      const manifests = { [A]: SINGLE, [B]: SINGLE };
      assert.equal(told({ signed: [sign(A, 1), sign(B, 2), sign(A, 3)], manifests }), 'a newest');
    });
    it('takes the list and not its instances, whichever is newer', () => {
      const manifests = { [C]: listOf(A, B) };
      for (const [list, instance] of [
        [1, 2],
        [1, 1],
        [2, 1],
      ]) {
        const signed = [sign(C, list), sign(A, instance), sign(B, instance)];
        assert.equal(told({ signed, manifests }), 'c list');
      }
    });
    it('takes a list that is not signed where all its instances are', () => {
      const manifests = { [C]: listOf(A, B) };
      assert.equal(told({ signed: [sign(A), sign(B)], manifests }), 'c list');
    });
    it('takes no list of which an instance is not signed', () => {
      const manifests = { [C]: listOf(A, hexOf('d')), [A]: SINGLE, [B]: SINGLE };
      assert.equal(told({ signed: [sign(A, 1), sign(B, 2)], manifests }), 'b newest');
    });
    it('takes no unsigned list that is a part of another', () => {
      const manifests = { [C]: listOf(A, B), [hexOf('d')]: listOf(A) };
      assert.equal(told({ signed: [sign(A), sign(B)], manifests }), 'c list');
    });
    it('takes no unsigned list of instances that a signed list has', () => {
      const manifests = { [C]: listOf(A, B), [hexOf('d')]: listOf(A) };
      assert.equal(told({ signed: [sign(A), sign(B), sign(C)], manifests }), 'c list');
    });
    it('is not led back to an old digest by a list that somebody has made of old and new ones', () => {
      const manifests = { [A]: SINGLE, [B]: SINGLE, [C]: listOf(A, B) };
      assert.equal(told({ signed: [sign(A, 1), sign(B, 2)], manifests }), 'b newest');
    });
    it('takes the list of what was signed last beside a larger one of old and new', () => {
      const D = hexOf('d');
      const manifests = { [C]: listOf(A, B), [D]: listOf(A, B, hexOf('e')) };
      const signed = [sign(A, 2), sign(B, 2), sign(hexOf('e'), 1)];
      assert.equal(told({ signed, manifests }), 'c newest');
    });
    it('waits where it is not known which of several are lists', () => {
      const world = { policy: byRed, signed: [sign(A, 2), sign(B, 1)] };
      const resolved = resolveIn(world);
      assert.equal(tell(resolved), 'refused manifests-not-known');
      assert.deepEqual(resolved.wanted.manifests, [A]);
      assert.equal(resolved.digestHex, undefined);
    });
    it('wants to know the newest first, and then the others', () => {
      const signed = [sign(A, 2), sign(B, 2), sign(C, 1)];
      const wantedWith = (manifests: World['manifests']) =>
        resolveIn({ policy: byRed, signed, ...(manifests && { manifests }) }).wanted.manifests;
      assert.deepEqual(new Set(wantedWith({})), new Set([A, B]));
      assert.deepEqual(wantedWith({ [A]: SINGLE, [B]: SINGLE }), [C]);
      assert.deepEqual(wantedWith({ [A]: SINGLE, [B]: listOf(A) }), []);
    });
    it('does not wait for what cannot change the answer', () => {
      const signed = [sign(A, 2), sign(B, 1)];
      assert.equal(told({ signed, manifests: { [A]: listOf(C) } }), 'a newest');
      assert.equal(told({ signed, manifests: { [B]: SINGLE } }), 'a newest');
    });
    it('waits for one that may be the list of the newest', () => {
      assert.equal(
        told({ signed: [sign(A, 2), sign(B, 1)], manifests: { [A]: SINGLE } }),
        'refused manifests-not-known',
      );
    });
    it('does not wait for what the registry does not have', () => {
      const manifests = { [A]: SINGLE, [B]: { kind: 'missing' as const } };
      assert.equal(told({ signed: [sign(A, 2), sign(B, 1)], manifests }), 'a newest');
    });
    it('takes what the later commit brought where two were signed in the same second', () => {
      const signed = [sign(A), sign(B)];
      const manifests = { [A]: SINGLE, [B]: SINGLE };
      const arrivals = { [directoryOf(A)]: 2, [directoryOf(B)]: 1 };
      assert.equal(told({ signed, manifests, arrivals }), 'a newest');
    });
    it('wants to know which commit was the later one', () => {
      const manifests = { [A]: SINGLE, [B]: SINGLE };
      const resolved = resolveIn({ policy: byRed, signed: [sign(A), sign(B)], manifests });
      assert.equal(tell(resolved), 'refused ambiguous');
      assert.deepEqual(new Set(resolved.wanted.commits), new Set([A, B].map(directoryOf)));
    });
    it('refuses two that one commit brought and one second signed', () => {
      const signed = [sign(A), sign(B)];
      const manifests = { [A]: SINGLE, [B]: SINGLE };
      const arrivals = { [directoryOf(A)]: 1, [directoryOf(B)]: 1 };
      const resolved = resolveIn({ policy: byRed, signed, manifests, arrivals });
      assert.equal(tell(resolved), 'refused ambiguous');
      assert.deepEqual(resolved.wanted.commits, []);
      assert.match(resolved.reason?.message ?? '', /in the same second: sha256:[ab]{12}…, sha256:/);
    });
  });

  describe('refuses a tag', () => {
    const cases: Readonly<Record<string, readonly [() => Partial<World>, string, string?]>> = {
      'of a repository without signatures': [() => ({}), 'refused repository-not-signed'],
      'for which nothing is signed': [
        () => ({ signed: [sign(A, 1, { as: `${NAME}:2.0` })] }),
        'refused tag-not-signed',
      ],
      'for which another host was signed': [
        () => ({ signed: [sign(A, 1, { as: 'ghcr.io/team/app:1.0' })] }),
        'refused tag-not-signed',
      ],
      'for which a digest was signed without a tag': [
        () => ({ signed: [sign(A, 1, { as: `${NAME}@sha256:${A}` })] }),
        'refused tag-not-signed',
      ],
      'that a key signed which the scope does not accept': [
        () => ({ signed: [sign(A, 1, { by: blue })] }),
        'refused other-signer',
      ],
      'whose signature has expired': [
        () => ({ signed: [sign(A, 1, { until: 50 })] }),
        'refused no-longer-good',
      ],
      'that lies in the repository of a mirror': [
        () => ({ signed: [sign(A, 1, { in: 'mirror/team/app' })] }),
        'refused repository-not-signed',
      ],
      'outside all scopes': [() => ({ signed: [sign(A)] }), 'refused no-scope', 'ghcr.io/x/y:1'],
    };
    for (const [title, [world, expected, image]] of Object.entries(cases)) {
      it(title, () => assert.equal(told(world(), image), expected));
    }
    it('that its policy rejects', async () => {
      const policy = await policyOf({ type: 'unmeetable', what: 'rejects every image' });
      assert.equal(told({ policy, signed: [sign(A)] }), 'refused policy-rejects');
    });
    it('for which a second signer is missing', async () => {
      const policy = await policyOf(signedBy(red), signedBy(blue));
      assert.equal(told({ policy, signed: [sign(A)] }), 'refused co-signature-missing');
      assert.equal(told({ policy, signed: [sign(A), sign(A, 1, { by: blue })] }), 'a only');
    });
  });

  it('goes by the oldest of the newest signatures where several signers are asked for', async () => {
    const policy = await policyOf(signedBy(red), signedBy(blue));
    const manifests = { [A]: SINGLE, [B]: SINGLE };
    // One signer alone does not bring the old digest back.
    const signed = [
      sign(A, 1),
      sign(A, 1, { by: blue }),
      sign(B, 2),
      sign(B, 2, { by: blue }),
      sign(A, 3),
    ];
    assert.equal(told({ policy, signed, manifests }), 'b newest');
  });

  it('does not know what a tag is where any image is accepted, or also sigstore decides', async () => {
    const any = await policyOf({ type: 'insecureAcceptAnything' });
    assert.equal(told({ policy: any, signed: [sign(A)] }), 'unknown takes-anything');
    const also = await policyOf(signedBy(red), { type: 'elsewhere', what: 'asks for sigstore' });
    const resolved = resolveIn({ policy: also, signed: [sign(A)] });
    assert.deepEqual([tell(resolved), resolved.digestHex], ['unknown also-elsewhere', A]);
  });

  describe('wants the same tag under every rule', () => {
    const OTHER = 'reg.io/other/app';
    const rules: Readonly<Record<string, readonly [Parameters<typeof signedBy>[1], string]>> = {
      matchExact: [{ type: 'matchExact' }, `${NAME}:1.0`],
      matchRepository: [{ type: 'matchRepository' }, `${NAME}:1.0`],
      exactRepository: [
        {
          type: 'exactRepository',
          repository: {
            host: 'reg.io',
            repository: 'other/app',
            tag: undefined,
            digest: undefined,
          },
        },
        `${OTHER}:1.0`,
      ],
      remapIdentity: [
        { type: 'remapIdentity', prefix: 'quay.io/team', signedPrefix: 'reg.io/other' },
        `${OTHER}:1.0`,
      ],
    };
    for (const [name, [rule, as]] of Object.entries(rules)) {
      it(`as ${name}`, async () => {
        const policy = await policyOf(signedBy(red, rule));
        assert.equal(told({ policy, signed: [sign(A, 1, { as })] }), 'a only');
        const other = sign(A, 1, { as: as.replace(':1.0', ':2.0') });
        assert.equal(told({ policy, signed: [other] }), 'refused tag-not-signed');
      });
    }
    it('but for exactReference, which names it', async () => {
      const reference = { host: 'reg.io', repository: 'x', tag: '9', digest: undefined };
      const policy = await policyOf(signedBy(red, { type: 'exactReference', reference }));
      assert.equal(told({ policy, signed: [sign(A, 1, { as: 'reg.io/x:9' })] }), 'a only');
    });
  });

  describe('by a digest', () => {
    const image = `${NAME}:1.0@sha256:${A}`;
    it('takes what is signed, and never another', () => {
      const manifests = { [A]: SINGLE, [B]: SINGLE };
      assert.equal(told({ signed: [sign(A, 1), sign(B, 2)], manifests }, image), 'a given');
      assert.equal(told({ signed: [sign(A)] }, `${NAME}@sha256:${A}`), 'a given');
    });
    it('is a fixed point of what it gives for a tag', async () => {
      const exact = await policyOf(signedBy(red, { type: 'matchExact' }));
      for (const policy of [byRed, exact]) {
        assert.equal(told({ policy, signed: [sign(A)] }), 'a only');
        assert.equal(told({ policy, signed: [sign(A)] }, image), 'a given');
      }
    });
    it('warns where it was signed for other tags, or refuses with strict tags', () => {
      const signed = [sign(A, 1, { as: `${NAME}:2.0` })];
      const resolved = resolveIn({ policy: byRed, signed }, image);
      assert.equal(tell(resolved), 'a given');
      assert.deepEqual(
        resolved.warnings.map(({ code }) => code),
        ['other-tags'],
      );
      assert.equal(told({ signed, strictTags: true }, image), 'refused other-tags');
    });
    it('takes one that was signed without a tag', () => {
      const signed = [sign(A, 1, { as: `${NAME}@sha256:${A}` })];
      assert.equal(told({ signed }, `${NAME}@sha256:${A}`), 'a given');
    });
    it('takes a list whose instances are all signed', () => {
      const list = `${NAME}:1.0@sha256:${C}`;
      const manifests = { [C]: listOf(A, B) };
      assert.equal(told({ signed: [sign(A), sign(B)], manifests }, list), 'c given');
      assert.equal(told({ signed: [sign(A)], manifests }, list), 'refused not-signed');
    });
    it('wants to know whether one without a signature is a list', () => {
      const resolved = resolveIn({ policy: byRed, signed: [sign(A)] }, `${NAME}@sha256:${B}`);
      assert.equal(tell(resolved), 'refused not-signed');
      assert.deepEqual(resolved.wanted.manifests, [B]);
    });
    it('refuses what another key signed, and other algorithms', () => {
      assert.equal(told({ signed: [sign(A, 1, { by: blue })] }, image), 'refused other-signer');
      const long = `${NAME}@sha512:${'a'.repeat(128)}`;
      assert.equal(told({ signed: [sign(A)] }, long), 'refused unsupported-digest');
    });
  });

  it('warns of instances that nodes would refuse', () => {
    const manifests = { [C]: listOf(A, B) };
    const resolved = resolveIn({ policy: byRed, signed: [sign(C), sign(A)], manifests });
    assert.equal(tell(resolved), 'c list');
    assert.deepEqual(resolved.platforms, ['linux/arch0', 'linux/arch1']);
    assert.deepEqual(resolved.warnings, [
      {
        code: 'unsigned-instances',
        message:
          'the manifests for linux/arch1 are not signed: nodes that verify signatures themselves refuse them',
      },
    ]);
  });

  it('warns of matchExact, with which nodes refuse a tag beside a digest', async () => {
    const policy = await policyOf(signedBy(red, { type: 'matchExact' }));
    const { warnings } = resolveIn({ policy, signed: [sign(A)] });
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['match-exact'],
    );
  });
});
