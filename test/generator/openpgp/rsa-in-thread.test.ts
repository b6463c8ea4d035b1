import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { readPackets } from '../../../generator/openpgp/packets/packets.ts';
import {
  type PlainMessage,
  readPlainMessage,
} from '../../../generator/openpgp/packets/plain-message.ts';
import { RsaVerifier } from '../../../generator/openpgp/rsa-in-thread.ts';
import { isSignedByRsa, readRsaKey } from '../../../generator/openpgp/rsa.ts';
import { forgeMessage, forgeSigner } from '../../kit/samples/forged.ts';

/** So many that a thread is started, and some. */
const MANY = 700;

/** A thread that says yes to whatever it is asked. */
const LIAR = `port.on('message', ({ keys }) => port.postMessage(keys.map(() => true)));
  port.postMessage([]);`;

function scriptOf(code: string): URL {
  const start = "import { parentPort as port } from 'node:worker_threads';";
  return new URL(`data:text/javascript,${encodeURIComponent(`${start}${code}`)}`);
}

describe('generator: OpenPGP: RSA in a thread', () => {
  const signer = forgeSigner();
  const [primary] = readPackets(signer.publicKey, 1);
  const key = readRsaKey(primary?.body ?? new Uint8Array()) ?? assert.fail();
  const read = (payload: string) =>
    readPlainMessage(forgeMessage(signer, { payload: Buffer.from(payload) }), 1000) ??
    assert.fail();
  const good = read('payload');
  const bad = { ...good, untrustedPayload: Buffer.from('another') };
  const impossible = { ...good, signature: { ...good.signature, integers: new Uint8Array() } };

  let verifier: RsaVerifier | undefined;
  const open = (code?: string, idle?: number): RsaVerifier => {
    verifier = new RsaVerifier({
      ...(code !== undefined && { script: scriptOf(code) }),
      ...(idle !== undefined && { idle }),
    });
    return verifier;
  };
  afterEach(async () => verifier?.close());

  /** Asks until the thread is to answer, and then of all that is given. */
  const askThread = async (
    { isSignedByRsa: ask }: RsaVerifier,
    messages: readonly PlainMessage[],
    meanwhile: () => Promise<void> = async () => undefined,
  ): Promise<readonly boolean[]> => {
    while (typeof ask(good, key) === 'boolean') await new Promise(setImmediate);
    const answers = messages.map(async (message) => ask(message, key));
    await meanwhile();
    return Promise.all(answers);
  };
  const mixed = Array.from({ length: MANY }, (_, index) => {
    if (index % 7 === 0) return bad;
    return index % 11 === 0 ? impossible : read(`payload ${index % 5}`);
  });
  const expected = mixed.map((message) => isSignedByRsa(message, key));

  it('says what is said without', async () => {
    assert.deepEqual(await askThread(open(), mixed), expected);
    assert.ok(expected.includes(true) && expected.includes(false));
  });

  it('is not asked for a few signatures', async () => {
    const opened = open(LIAR);
    for (let count = 0; count < 400; count++) {
      assert.equal(opened.isSignedByRsa(bad, key), false);
      if (count % 100 === 0) await new Promise(setImmediate);
    }
  });

  it('is asked once it is ready, and never for what cannot be', async () => {
    assert.deepEqual(await askThread(open(LIAR), [bad, impossible]), [true, false]);
  });

  for (const [title, code] of [
    ['throws at once', 'throw new Error("no")'],
    ['ends at once', 'process.exit()'],
    ['is never ready', 'port.on("message", () => undefined)'],
  ] as const) {
    it(`is done without where it ${title}`, async () => {
      const { isSignedByRsa: ask } = open(code);
      for (const [index, message] of mixed.entries()) {
        assert.equal(ask(message, key), expected[index]);
        await new Promise(setImmediate);
      }
    });
  }

  for (const [title, code] of [
    ['throws', 'throw new Error("no")'],
    ['ends', 'process.exit()'],
  ] as const) {
    it(`leaves to others what it was asked when it ${title}`, async () => {
      const opened = open(`port.on('message', () => { ${code} }); port.postMessage([]);`);
      assert.deepEqual(await askThread(opened, mixed), expected);
      assert.equal(opened.isSignedByRsa(bad, key), false);
    });
  }

  it('leaves to others what it was asked when it is closed', async () => {
    const opened = open('port.on("message", () => undefined); port.postMessage([]);');
    assert.deepEqual(await askThread(opened, mixed, opened.close), expected);
    assert.equal(opened.isSignedByRsa(bad, key), false);
  });

  it('stops when nobody asks, and is started again', async () => {
    const opened = open(LIAR, 1);
    await askThread(opened, []);
    while (opened.isSignedByRsa(bad, key) !== false) await setTimeout(10);
    await askThread(opened, []);
  });
});
