import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Gpgv, openGpgv } from '../../../generator/openpgp/gpgv.ts';
import { type OpenMessage, createOpenMessage } from '../../../generator/openpgp/open-message.ts';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { isRejection, validityOf } from '../../../generator/terms/rejection.ts';
import { type Validity, holdsAt } from '../../../generator/terms/validity.ts';
import { type Signer, type SigningKey, makeSigner } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { MovedClock, YEAR } from '../../kit/process/moved-clock.ts';
import { Toolbox } from '../../kit/process/toolbox.ts';
import { describeWith } from '../../with-tools.ts';

const NOW = Date.now();
const ago = (years: number): Date => new Date(NOW - years * YEAR * 1000);
const PAYLOAD = Buffer.from('a payload');
/** Years from now. */
const CLOCKS = [-11, -8.5, -5, -2.5, -1.5, -0.001, 0, 0.001, 1.5, 5];

describeWith(['gpg', 'gpgv', 'faketime'], 'the time in which a verdict holds', () => {
  const directory = useTemporary('suite');
  const messages = new Map<string, Uint8Array>();
  let signer: Signer;
  let clock: MovedClock;
  let gpgv: Gpgv;
  let keyring: Keyring;

  before('make keys, signatures, and a gpgv whose clock moves', async function () {
    signer = await makeSigner();
    const at = ago(8);
    const lasting = await signer.makeKey({ algorithm: 'rsa2048', at });
    const ending = await signer.makeKey({ algorithm: 'rsa2048', at, expires: '9y' });
    const unusual = await signer.makeKey({ algorithm: 'dsa1024', at });
    const brief = await signer.makeKey({ algorithm: 'dsa1024', at, expires: '7y' });
    const stranger = await signer.makeKey({ algorithm: 'rsa2048', at });
    const file = join(signer.home, 'keys.gpg');
    await signer.exportKeys(file, lasting, ending, unusual, brief);
    keyring = await readKeyring([{ path: file, bytes: await readFile(file) }]);
    const sign = async (key: SigningKey, ...args: string[]): Promise<Buffer> =>
      signer.sign(key, PAYLOAD, { at: ago(2), args });
    messages.set('a usual one', await sign(lasting));
    messages.set('one that expires', await sign(lasting, '--default-sig-expire', '3y'));
    messages.set('one that expired', await sign(lasting, '--default-sig-expire', '1y'));
    messages.set('one by a key that expires', await sign(ending));
    messages.set(
      'one that expires before its key',
      await sign(ending, '--default-sig-expire', '1y'),
    );
    messages.set('one with SHA-1', await sign(ending, '--digest-algo', 'SHA1'));
    messages.set('one by an unusual key', await sign(unusual));
    messages.set('one by an unusual key that expired', await sign(brief));
    messages.set('one by a stranger', await sign(stranger));
    const good = await sign(lasting, '--compress-level', '0');
    messages.set('one that is cut short', good.subarray(0, 100));
    messages.set('one with a changed signature', flip(good, good.length - 5));
    const dsa = await sign(unusual, '--compress-level', '0');
    messages.set('one with another payload', flip(dsa, dsa.indexOf(PAYLOAD)));
    clock = await MovedClock.make(directory());
    const toolbox = await Toolbox.make(join(directory(), 'bin'));
    await clock.applyTo(toolbox);
    gpgv = (await openGpgv({ path: toolbox.path, directory: directory() })) ?? assert.fail();
  });
  after(async () => {
    await Promise.all([signer.stop(), gpgv.close()]);
  });

  interface Judged {
    readonly word: string;
    readonly validity: Validity;
  }

  async function judge(open: OpenMessage, message: Uint8Array, years: number): Promise<Judged> {
    const offset = Math.round(years * YEAR);
    await clock.move(offset);
    const opened = await open(message, keyring, new Date(NOW + offset * 1000));
    if (isRejection(opened)) return { word: opened.code, validity: validityOf(opened) };
    return { word: `good by ${opened.signer?.fingerprint}`, validity: opened.validity };
  }

  /** A verdict at one time that says that it holds at another one is the verdict there. */
  async function assertTrue(open: OpenMessage, message: Uint8Array): Promise<readonly string[]> {
    const judged: (Judged & { readonly at: Date })[] = [];
    for (const years of CLOCKS) {
      const at = new Date(NOW + Math.round(years * YEAR) * 1000);
      judged.push({ ...(await judge(open, message, years)), at });
    }
    for (const one of judged) {
      // No verdict never holds.
      if (one.word === 'cannot-verify') continue;
      assert(holdsAt(one.validity, one.at), `${one.word} does not hold when it is given`);
      for (const other of judged) {
        if (!holdsAt(one.validity, other.at)) continue;
        assert.equal(other.word, one.word, `${one.at.toISOString()} to ${other.at.toISOString()}`);
      }
    }
    return judged.map(({ word }) => word.replace(/ by .*/, ''));
  }

  const expected: Readonly<Record<string, readonly string[]>> = {
    'a usual one': ['unsupported-signature', 'good'],
    'one that expires': ['unsupported-signature', 'good', 'signature-expired'],
    'one that expired': ['unsupported-signature', 'good', 'signature-expired'],
    'one by a key that expires': ['unsupported-signature', 'good', 'key-expired'],
    'one that expires before its key': ['unsupported-signature', 'good', 'signature-expired'],
    'one with SHA-1': ['unsupported-signature', 'good', 'key-expired'],
    'one by an unusual key': ['unsupported-signature', 'good'],
    'one by an unusual key that expired': ['unsupported-signature', 'good', 'key-expired'],
    'one by a stranger': ['unknown-signer'],
    'one that is cut short': ['malformed'],
    'one with a changed signature': ['unsupported-signature', 'bad-signature'],
    'one with another payload': ['unsupported-signature', 'bad-signature'],
  };
  for (const [what, words] of Object.entries(expected)) {
    it(`is told of ${what}`, async () => {
      const message = messages.get(what) ?? assert.fail();
      const said = await assertTrue(createOpenMessage(gpgv), message);
      assert.deepEqual([...new Set(said)], words, said.join(' '));
      await assertTrue(createOpenMessage(undefined), message);
    });
  }

  it('is bounded for what depends on more dates than are read here', async () => {
    const message = messages.get('one by an unusual key') ?? assert.fail();
    const { validity } = await judge(createOpenMessage(gpgv), message, 0);
    const day = 24 * 3_600_000;
    assert(validity.from <= NOW && validity.from > NOW - 1000);
    assert.equal(validity.until - validity.from, day);
  });
});

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = Buffer.from(bytes);
  flipped[at] = (flipped[at] ?? 0) ^ 1;
  return flipped;
}
