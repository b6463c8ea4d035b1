// A key that another one has as a subkey: anybody can make a copy of their key that has it.
import assert from 'node:assert/strict';
import { KeyFileError } from '../../../../generator/openpgp/keys/key-file.ts';
import { readKeyring, readUsableKeyring } from '../../../../generator/openpgp/read-keyring.ts';
import { KeyImport } from '../../../../generator/openpgp/import/import-keys.ts';
import {
  createPolicy,
  createScope,
  createSimplePolicy,
} from '../../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../../generator/policy/signed-identity.ts';
import { isRejection } from '../../../../generator/terms/rejection.ts';
import { openMessage } from '../../../kit/samples/samples.ts';
import { compareKeyCases, formatKeyDisagreement } from '../../../fuzz/keys/compare-keys.ts';
import {
  type CraftedKey,
  craftKey,
  crossCertify,
  packetOf,
  signMessage,
  signSubkey,
  signUser,
} from '../../../fuzz/keys/crafted-key.ts';
import { describeWith } from '../../../with-tools.ts';

const NOW = Math.floor(Date.now() / 1000);
const BORN = NOW - 400 * 86_400;

/** The key of a file `b`, and what others made of it. */
interface Files {
  readonly stranger: CraftedKey;
  readonly own: CraftedKey;
  readonly a: Buffer;
  readonly b: Buffer;
  /** `a` with the key of `b` as a subkey, which did not agree, or did. */
  readonly claims: Buffer;
  readonly agreed: Buffer;
}

function makeFiles(): Files {
  const [stranger, own] = [craftKey('ed25519', BORN), craftKey('ed25519', BORN)];
  const file = (key: CraftedKey, user: string, ...more: readonly Buffer[]): Buffer => {
    const certified = signUser(key, user, { type: 0x13, created: BORN + 1 });
    return Buffer.concat([packetOf.primary(key), packetOf.user(user), certified, ...more]);
  };
  const bind = (hashedMore: readonly ReturnType<typeof crossCertify>[]) =>
    signSubkey(stranger, own, { type: 0x18, created: BORN + 1, hashedMore: [...hashedMore] });
  const back = crossCertify(stranger, own, { created: BORN + 1 });
  return {
    stranger,
    own,
    a: file(stranger, 'a'),
    b: file(own, 'b'),
    claims: file(stranger, 'a', packetOf.subkey(own), bind([])),
    agreed: file(stranger, 'a', packetOf.subkey(own), bind([back])),
  };
}

const ROWS: Readonly<Record<string, (files: Files) => readonly Buffer[]>> = {
  'claimed before': ({ claims, b }) => [claims, b],
  'claimed before, in one file': ({ claims, b }) => [Buffer.concat([claims, b])],
  'claimed behind': ({ claims, b }) => [b, claims],
  'claimed behind, and then given again': ({ claims, b }) => [b, claims, b],
  'claimed in between by a key that was before it': ({ a, claims, b }) => [a, b, claims, b],
  'claimed later by a key that was before it': ({ a, claims, b }) => [a, b, claims],
  'a subkey before': ({ agreed, b }) => [agreed, b],
  'a subkey behind': ({ agreed, b }) => [b, agreed],
};

describeWith(['gpg', 'gpgv'], 'generator: OpenPGP: a key that is a subkey of another one', () => {
  it('is imported as gpg does, in whatever order', async () => {
    const cases = Object.entries(ROWS).map(([what, make]) => {
      const files = makeFiles();
      const keys = [files.stranger, files.own];
      const messages = keys.map((signer) => {
        return { signer, signed: NOW - 10, bytes: signMessage(signer, 'x', NOW - 10) };
      });
      return { what, files: make(files), keys, messages };
    });
    const found = await compareKeyCases(cases);
    assert.deepEqual(found.map(formatKeyDisagreement), []);
  });

  it('is told of with both keys and both files', async () => {
    const { stranger, own, claims, b } = makeFiles();
    const importing = new KeyImport();
    assert.deepEqual(importing.importFile({ path: '1.gpg', bytes: claims }), [
      stranger.fingerprint,
    ]);
    assert.deepEqual(importing.importFile({ path: '2.gpg', bytes: b }), []);
    assert.deepEqual(importing.notes, [
      {
        code: 'subkey-of-other',
        path: '2.gpg',
        fingerprint: own.fingerprint,
        detail: `of the key ${stranger.fingerprint} in 1.gpg`,
      },
    ]);
    await assert.rejects(
      readKeyring([
        { path: '1.gpg', bytes: claims },
        { path: '2.gpg', bytes: b },
      ]),
      (error) => {
        assert(error instanceof KeyFileError);
        assert.match(error.message, /^2\.gpg: .* as a subkey of another key.* in 1\.gpg\)$/);
        assert.match(error.hint ?? '', /^put this key in front of the other one/);
        return true;
      },
    );
  });

  it('is imported where nothing is of the file with the other one', async () => {
    const { own, claims, b } = makeFiles();
    const users = Array.from({ length: 1001 }, (_, index) => packetOf.user(`user ${index}`));
    const tooMuch = {
      path: '1.gpg',
      bytes: Buffer.concat([claims, packetOf.primary(own), ...users]),
    };
    const { keyring, faults } = await readUsableKeyring([tooMuch, { path: '2.gpg', bytes: b }]);
    assert.deepEqual(
      keyring.keys.map(({ fingerprint }) => fingerprint),
      [own.fingerprint],
    );
    assert.deepEqual([...faults.keys()], [tooMuch]);
    assert.match(faults.get(tooMuch)?.message ?? '', /^1\.gpg: .*more user IDs and subkeys/);
  });

  it('signs nothing that counts, and the cure is to put it first', async () => {
    const { own, a, claims, b } = makeFiles();
    const message = signMessage(own, 'x', NOW - 10);
    const openWith = async (...blocks: readonly Buffer[]) => {
      const keyring = await readKeyring([{ path: 'k.gpg', bytes: Buffer.concat(blocks) }]);
      const policy = await createSimplePolicy(keyring);
      return openMessage(message, policy.keyring, new Date());
    };
    for (const refused of [await openWith(claims, b), await openWith(a, b, claims)]) {
      assert(isRejection(refused));
      assert.equal(refused.code, 'unknown-signer');
      assert.match(refused.message, new RegExp(`${own.fingerprint}.* for a subkey of the key`));
      assert.match(refused.hint ?? '', /put this key in front of the other one, or take/);
    }
    const first = await openWith(b, claims);
    assert(!isRejection(first), JSON.stringify(first));
    const claimed = await openWith(claims);
    assert(isRejection(claimed));
    assert.equal(claimed.code, 'unsupported-signature');
    assert.match(claimed.hint ?? '', /cross-certify/);
  });

  it('stays a key of its own where another scope has the other one', async () => {
    const { own, stranger, claims, b } = makeFiles();
    const scopes = await Promise.all(
      [claims, b].map(async (bytes, index) => {
        const keyring = await readKeyring([{ path: `${index}.gpg`, bytes }]);
        const requirement = {
          type: 'signedBy',
          keyring,
          signedIdentity: DEFAULT_IDENTITY,
        } as const;
        return createScope(`${index}.example`, undefined, [requirement]);
      }),
    );
    const { keyring } = await createPolicy(scopes);
    assert.deepEqual(
      keyring?.keys.map(({ fingerprint }) => fingerprint),
      [stranger.fingerprint, own.fingerprint],
    );
  });
});
