// Keys that nodes import though nothing certifies them: none of their signatures counts, and they are in
// the way of other keys.
import assert from 'node:assert/strict';
import { createOpenMessage } from '../../../generator/openpgp/open-message.ts';
import { readKeyring, readUsableKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { createSimplePolicy } from '../../../generator/policy/policy.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import { importIntoGnupg } from '../../fuzz/keys/gpg-keys.ts';
import {
  type CraftedKey,
  craftKey,
  crossCertify,
  packetOf,
  signMessage,
  signPrimary,
  signSubkey,
  signUser,
} from '../../fuzz/keys/crafted-key.ts';
import { openMessage } from '../../kit/samples/samples.ts';
import { describeWith } from '../../with-tools.ts';

const NOW = Math.floor(Date.now() / 1000);
const BORN = NOW - 400 * 86_400;
const NOT_EXPORTABLE = { type: 4, data: Buffer.of(0) };

/** A key that is certified, or only for those who may not export it. */
function fileOf(key: CraftedKey, isCertified: boolean, ...more: readonly Buffer[]): Buffer {
  const hashedMore = isCertified ? [] : [NOT_EXPORTABLE];
  const certified = signUser(key, 'u', { type: 0x13, created: BORN + 1, hashedMore });
  return Buffer.concat([packetOf.primary(key), packetOf.user('u'), certified, ...more]);
}

function subkeyOf(key: CraftedKey, subkey: CraftedKey): Buffer {
  const hashedMore = [crossCertify(key, subkey, { created: BORN + 1 })];
  const bound = signSubkey(key, subkey, { type: 0x18, created: BORN + 1, hashedMore });
  return Buffer.concat([packetOf.subkey(subkey), bound]);
}

/** Key files, and a message by one of the keys in them. */
interface Row {
  readonly files: readonly Buffer[];
  readonly signer: CraftedKey;
  /** What gpg says of the message, as was seen. */
  readonly isGood: boolean;
}

function makeRows(): Readonly<Record<string, Row>> {
  const [useless, good, shared, revoked] = Array.from({ length: 4 }, () =>
    craftKey('ed25519', BORN),
  );
  assert(useless && good && shared && revoked);
  const claimed = fileOf(useless, false, subkeyOf(useless, shared));
  const own = fileOf(good, true, subkeyOf(good, shared));
  const revoker = Buffer.concat([Buffer.of(0x80, 22), Buffer.from(useless.fingerprint, 'hex')]);
  const names = { type: 0x1f, created: BORN, hashedMore: [{ type: 12, data: revoker }] };
  const withRevocation = Buffer.concat([
    packetOf.primary(revoked),
    signPrimary(revoked, names),
    signPrimary(useless, { type: 0x20, created: BORN + 9 }, revoked),
    packetOf.user('u'),
    signUser(revoked, 'u', { type: 0x13, created: BORN + 1 }),
  ]);
  return {
    'the key itself': { files: [own, claimed], signer: useless, isGood: false },
    'a subkey that it has in front of a good key': {
      files: [claimed, own],
      signer: shared,
      isGood: false,
    },
    'a subkey that it has behind a good key': {
      files: [own, claimed],
      signer: shared,
      isGood: true,
    },
    'another key that it revokes': {
      files: [withRevocation, claimed],
      signer: revoked,
      isGood: true,
    },
    'another key that it revokes when it is certified': {
      files: [withRevocation, fileOf(useless, true)],
      signer: revoked,
      isGood: false,
    },
  };
}

describeWith(['gpg', 'gpgv'], 'generator: OpenPGP: keys that nothing certifies', () => {
  for (const [what, { files, signer, isGood }] of Object.entries(makeRows())) {
    it(`are found as gpg finds them: a message by ${what} is ${isGood ? 'good' : 'refused'}`, async () => {
      const message = signMessage(signer, 'x', NOW - 10);
      const gnupg = await importIntoGnupg(files);
      try {
        assert.deepEqual(await gnupg.judge([message]), [isGood]);
      } finally {
        await gnupg.close();
      }
      const named = files.map((bytes, index) => ({ path: `${index}.gpg`, bytes }));
      const { keyring } = await readUsableKeyring(named);
      const policy = await createSimplePolicy(keyring);
      for (const keys of [keyring, policy.keyring]) {
        const opened = await openMessage(message, keys, new Date());
        assert.equal(!isRejection(opened), isGood, JSON.stringify(opened));
        const alone = await createOpenMessage(undefined)(message, keys, new Date());
        assert(isGood || isRejection(alone));
      }
    });
  }

  it('are told of for what they are, with and without gpgv', async () => {
    const [useless, good] = [craftKey('ed25519', BORN), craftKey('ed25519', BORN)];
    const bytes = Buffer.concat([fileOf(good, true), fileOf(useless, false)]);
    const keyring = await readKeyring([{ path: 'keys.gpg', bytes }]);
    assert.deepEqual(
      keyring.keys.map(({ fingerprint }) => fingerprint),
      [good.fingerprint],
    );
    const message = signMessage(useless, 'x', NOW - 10);
    for (const open of [openMessage, createOpenMessage(undefined)]) {
      const opened = await open(message, keyring, new Date());
      assert(isRejection(opened));
      assert.equal(opened.code, 'unsupported-signature');
      assert.equal(
        opened.message,
        `the signature is by the key ${useless.fingerprint} in keys.gpg, of which no signature counts for nodes: nothing certifies it`,
      );
      assert.match(opened.hint ?? '', /^For the key [0-9A-F]{40}, ask its owner to certify/);
    }
  });
});
