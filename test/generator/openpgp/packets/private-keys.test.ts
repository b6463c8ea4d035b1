// A private key goes out by no way, however it came in.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync, deflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import { createNodeFiles } from '../../../../generator/nodes/node-files.ts';
import { parseStoreUrl } from '../../../../generator/nodes/store-url.ts';
import { KeyFileError } from '../../../../generator/openpgp/keys/key-file.ts';
import type { Keyring } from '../../../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../../../generator/openpgp/read-keyring.ts';
import {
  findPrivateKey,
  holdsPrivateKeyInText,
} from '../../../../generator/openpgp/packets/private-keys.ts';
import { createSimplePolicy } from '../../../../generator/policy/policy.ts';
import { createDownloads } from '../../../../server/landing/downloads.ts';
import { createNodeGuide } from '../../../../server/landing/node-guide.ts';
import { run, runOrThrow } from '../../../kit/process/run.ts';
import { type Signer, makeSigner } from '../../../kit/signer/signer.ts';
import { formatArmor } from '../../../fuzz/keys/armor-text.ts';
import { FRAMINGS, type Packet, formatPackets, parsePackets } from '../../../fuzz/packet.ts';
import { describeWith } from '../../../with-tools.ts';

const URL = parseStoreUrl('https://sig.example');
const ALGORITHMS = ['ed25519', 'rsa2048', 'nistp256', 'dsa2048'];
const PRIVATE: ReadonlySet<number> = new Set([5, 7]);
const PUBLIC: ReadonlySet<number> = new Set([2, 6, 13, 14, 17]);

const armor = (label: string, bytes: Uint8Array, newline = '\n'): Buffer =>
  formatArmor(label, bytes, { newline });

const packet = (tag: number, body: Uint8Array, framing: Packet['framing'] = 'new-5') =>
  formatPackets([{ tag, framing, body: Buffer.from(body) }]);

const reframe = (bytes: Buffer, framing: Packet['framing']) =>
  Buffer.concat((parsePackets(bytes) ?? []).map(({ tag, body }) => packet(tag, body, framing)));

const concat = (...parts: readonly (Uint8Array | string)[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part)));

/** All that is made of keys, whoever it is for. */
async function listOutgoing(keyring: Keyring): Promise<readonly Uint8Array[]> {
  const policy = await createSimplePolicy(keyring);
  const files = (['file', 'data', 'no-reboot'] as const).flatMap((keyForm) =>
    createNodeFiles(policy, {
      name: 'lookaside',
      url: URL,
      clients: '5.22+',
      staging: undefined,
      isRootless: false,
      keyForm,
      byDefault: 'reject',
      existing: undefined,
    }).map(({ bytes }) => bytes),
  );
  const downloads = createDownloads(policy, createNodeGuide(policy));
  return [
    ...files,
    ...downloads.map(({ bytesFor }) => bytesFor(URL)),
    ...keyring.blocks,
    keyring.packets,
    Buffer.from(JSON.stringify(keyring.keys)),
  ];
}

/** Packets of whatever goes out: as it is, in its armor, or in base64 within JSON. */
function packetsIn(bytes: Uint8Array): readonly Packet[] {
  const text = Buffer.from(bytes).toString('latin1');
  const armored = [...text.matchAll(/-----BEGIN [^\n]*\n(?:[^\n]+\n)*\n([\s\S]*?)\n=/g)];
  const data = [...text.matchAll(/"keyData": "([^"]+)"/g)];
  const encoded = [...armored, ...data].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
  return [Buffer.from(bytes), ...encoded].flatMap((one) => parsePackets(one) ?? []);
}

/** A header that takes all that is left, and no key behind it, is a stray byte at the end of a file. */
function isPrivateKey({ tag, framing, body: [version = 0] }: Packet): boolean {
  const isKey = framing !== 'old-indeterminate' || (version >= 2 && version <= 6);
  return PRIVATE.has(tag) && isKey;
}

interface Outcome {
  readonly isRefused: boolean;
  readonly isPrivate: boolean;
}

/** Reads a key file and holds all that becomes of it to the rule. */
async function give(bytes: Uint8Array): Promise<Outcome> {
  let keyring: Keyring;
  try {
    keyring = await readKeyring([{ path: 'team.gpg', bytes }]);
  } catch (error) {
    if (!(error instanceof KeyFileError)) throw error;
    assert.match(error.message, /^team\.gpg: expected [A-Za-z0-9 ,:;."()-]+$/);
    return { isRefused: true, isPrivate: error.isPrivate };
  }
  for (const outgoing of await listOutgoing(keyring)) {
    const packets = packetsIn(outgoing);
    assert(packets.length > 0 || !/BEGIN PGP|keyData"/.test(Buffer.from(outgoing).toString()));
    assert(packets.every(({ tag }) => PUBLIC.has(tag)));
  }
  const [first] = keyring.blocks;
  assert(first && packetsIn(first).length > 0, 'the test sees no packets');
  return { isRefused: false, isPrivate: false };
}

describeWith(['gpg'], 'generator: OpenPGP: private keys', () => {
  let signer: Signer;
  const publicKeys: Buffer[] = [];
  const privateKeys: Buffer[] = [];
  before('make keys', async function () {
    signer = await makeSigner();
    for (const algorithm of ALGORITHMS) {
      const key = await signer.makeKey({ algorithm, subkey: algorithm === 'ed25519' });
      const file = join(signer.home, algorithm);
      publicKeys.push(await readFile(await signer.exportKeys(`${file}.gpg`, key)));
      const env = { GNUPGHOME: signer.home };
      const args = ['--batch', '--yes', '--output', `${file}.secret`, '--export-secret-keys'];
      await runOrThrow('gpg', [...args, key.fingerprint], { env });
      privateKeys.push(await readFile(`${file}.secret`));
    }
  });
  after(() => signer.stop());

  const [ours, theirs] = [0, 1];
  const good = (index = ours) => publicKeys[index] ?? assert.fail('no such key');
  const secret = (index = theirs) => privateKeys[index] ?? assert.fail('no such key');
  /** The packets of a private key, framed in another way. */
  const reframed = (framing: Packet['framing']) => reframe(secret(), framing);
  const block = 'PUBLIC KEY BLOCK';
  const label = 'PRIVATE KEY BLOCK';

  const hidden: Readonly<Record<string, () => Uint8Array>> = {
    alone: secret,
    'behind a public key': () => concat(good(), secret()),
    'in front of a public key': () => concat(secret(), good()),
    'between public keys': () => concat(good(), secret(), good(2)),
    'of the same key': () => concat(good(), secret(ours)),
    'in armor': () => armor(label, secret()),
    'in armor behind other armor': () => concat(armor(block, good()), armor(label, secret())),
    'in armor that says public': () => armor(block, secret()),
    'in armor that says public, behind public keys': () => armor(block, concat(good(), secret())),
    'in a second block that says public': () =>
      concat(armor(block, good()), armor(block, secret())),
    'in armor of a message': () => concat(armor(block, good()), armor('MESSAGE', secret())),
    'in armor of a signature': () => concat(armor(block, good()), armor('SIGNATURE', secret())),
    'in armor of no known type': () => concat(armor(block, good()), armor('TEAM', secret())),
    'in armor in lower case': () =>
      concat(armor(block, good()), armor(block, secret()).toString().replace('BEGIN', 'begin')),
    'in armor with spaces behind its lines': () =>
      concat(armor(block, good()), armor(block, secret()).toString().replaceAll('\n', ' \t\r\n')),
    'in armor of one line end that nobody reads': () =>
      concat(armor(block, good()), armor(block, secret(), '\r')),
    'in armor without an end': () =>
      concat(
        armor(block, good()),
        armor(block, secret())
          .toString()
          .replace(/-----END.*/, ''),
      ),
    'in armor with header lines': () =>
      concat(
        good(),
        armor(block, secret()).toString().replace('\n\n', '\nComment: a/b\nHash: x\n\n'),
      ),
    'in armor without a blank line': () =>
      concat(good(), armor(block, secret()).toString().replace('\n\n', '\n')),
    'in armor with a header line that is none': () =>
      concat(good(), armor(block, secret()).toString().replace('\n\n', '\nFoo bar baz\n\n')),
    'in armor that is quoted': () =>
      concat(armor(block, good()), armor(block, secret()).toString().replaceAll(/^/gm, '> ')),
    'in armor in UTF-16': () => Buffer.from(armor(block, secret()).toString(), 'utf16le'),
    'in binary behind armor': () => concat(armor(block, good()), secret()),
    'in armor behind binary': () => concat(good(), armor(block, secret())),
    'in binary in front of armor': () => concat(secret(), armor(block, good())),
    'behind a line end': () => concat(good(), '\n', secret()),
    'behind text': () => concat(good(), 'and now for something else\n', secret()),
    'behind a packet that is cut short': () => concat(good().subarray(0, -5), secret()),
    'in a packet that takes all that is left': () =>
      concat(good(), packet(13, secret(), 'old-indeterminate')),
    'in a marker': () => concat(good(), packet(10, secret())),
    'in a literal': () => concat(good(), packet(11, concat('b\0\0\0\0\0', secret()))),
    'in a literal in pieces': () =>
      concat(good(), packet(11, concat('b\0\0\0\0\0', secret()), 'new-partial')),
    'in padding': () => concat(good(), packet(21, secret())),
    'in a trust packet': () => concat(good(), packet(12, secret())),
    'in a packet for private use': () => concat(good(), packet(60, concat('x', secret()))),
    'in a packet that nobody knows': () => concat(good(), packet(39, secret())),
    'in a packet not compressed': () => concat(good(), packet(8, concat('\0', secret()))),
    'in a zip packet': () => concat(good(), packet(8, concat('\x01', deflateRawSync(secret())))),
    'in a zlib packet in front': () =>
      concat(packet(8, concat('\x02', deflateSync(secret()))), good()),
    'compressed twice': () => {
      const once = packet(8, concat('\x01', deflateRawSync(secret())));
      return concat(good(), packet(8, concat('\x02', deflateSync(once))));
    },
    'compressed in armor': () =>
      concat(
        armor(block, good()),
        armor('MESSAGE', packet(8, concat('\x02', deflateSync(secret())))),
      ),
    ...Object.fromEntries(
      FRAMINGS.map((framing) => [`framed ${framing}`, () => concat(good(), reframed(framing))]),
    ),
    'cut short': () => concat(good(), secret().subarray(0, -3)),
    'cut short behind text': () => concat(good(), '\n', secret().subarray(0, 300)),
  };
  for (const [where, make] of Object.entries(hidden)) {
    it(`refuses one ${where}`, async () => {
      assert.deepEqual(await give(make()), { isRefused: true, isPrivate: true });
    });
  }

  it('refuses each kind of key, in any framing, behind what does not parse', async () => {
    for (const [index, key] of privateKeys.entries()) {
      for (const framing of FRAMINGS) {
        const packets = reframe(key, framing);
        for (const parts of [[good()], [good(), '\n'], ['text ']]) {
          const bytes = concat(...parts, packets);
          assert.equal(findPrivateKey(bytes), 'private', `${ALGORITHMS[index]} ${framing}`);
        }
      }
    }
  });

  it('refuses one that is said to be public', async () => {
    for (const key of privateKeys) {
      const packets = (parsePackets(key) ?? []).map(({ tag, body }) =>
        packet(
          new Map([
            [5, 6],
            [7, 14],
          ]).get(tag) ?? tag,
          body,
        ),
      );
      const expected = { isRefused: true, isPrivate: true };
      assert.deepEqual(await give(concat(...packets)), expected);
      assert.deepEqual(await give(armor('PUBLIC KEY BLOCK', concat(...packets))), expected);
    }
  });

  it('refuses what is compressed and cannot be looked into', async () => {
    const { stdout } = await run('gpg', ['--version']);
    assert.match(stdout, /BZIP2/);
    const options = ['--batch', '--compress-algo', 'bzip2', '--store', '--output', '-'];
    const file = join(signer.home, 'stored');
    await runOrThrow('sh', ['-c', 'gpg "$@" | cat > "$0"', file, ...options], {
      env: { GNUPGHOME: signer.home },
      input: secret(),
    });
    for (const bytes of [
      concat(good(), await readFile(file)),
      concat(good(), packet(8, concat('\x03', 'BZh9'))),
      concat(good(), packet(8, concat('\x01', deflateRawSync(Buffer.alloc(20_000_000))))),
    ]) {
      assert.deepEqual(await give(bytes), { isRefused: true, isPrivate: false });
    }
  });

  it('takes public keys of all kinds for what they are', async () => {
    const armored = publicKeys.map((bytes) => armor(block, bytes));
    for (const bytes of [...publicKeys, ...armored, concat(...publicKeys), concat(...armored)]) {
      assert.deepEqual(await give(bytes), { isRefused: false, isPrivate: false });
    }
  });

  it('hands out what gpg exported byte for byte', async () => {
    const { packets } = await readKeyring([{ path: 'k', bytes: concat(...publicKeys) }]);
    assert.deepEqual(packets, concat(...publicKeys));
  });

  it('leaves out what is no part of a public key', async () => {
    const tags = [10, 12, 15, 21, 39, 60, 63];
    const others = Buffer.concat(tags.map((tag) => packet(tag, Buffer.from('PGP'))));
    const parts = (parsePackets(good()) ?? []).map((one) => formatPackets([one]));
    const { packets } = await readKeyring([
      { path: 'k', bytes: concat(...parts.flatMap((part) => [part, others])) },
    ]);
    assert.deepEqual(packets, good());
  });

  it('takes a stray byte behind keys for none, though a private key could begin so', async () => {
    for (const header of [0x97, 0x9f]) {
      const bytes = concat(good(), good(), Buffer.of(header));
      assert.deepEqual(await give(bytes), { isRefused: false, isPrivate: false });
      const { packets } = await readKeyring([{ path: 'k', bytes }]);
      assert.deepEqual(packets, good());
      const begun = concat(bytes, Buffer.of(4));
      assert.deepEqual(await give(begun), { isRefused: true, isPrivate: true });
    }
  });

  it('finds one in base64 in a text', () => {
    const base64 = secret().toString('base64');
    const lines = base64.replaceAll(/.{76}/g, String.raw`$&\n`);
    for (const text of [base64, lines, lines.replaceAll('/', String.raw`\/`)]) {
      assert(holdsPrivateKeyInText(`{"keyData": "${text}", broken`));
    }
    const asText = armor(block, secret()).toString('base64');
    assert(holdsPrivateKeyInText(`{"keyData": "${asText}"`));
    for (const text of [good().toString('base64'), 'x'.repeat(500), 'lookaside'.repeat(50)]) {
      assert(!holdsPrivateKeyInText(`{"keyData": "${text}"}`));
    }
  });

  it('goes out by no way, whatever comes in', async function () {
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .constantFrom(...privateKeys.flatMap((key) => parsePackets(key) ?? []))
        .map(({ body }) => body),
      fc
        .constantFrom(...publicKeys.flatMap((key) => parsePackets(key) ?? []))
        .map(({ body }) => body),
    );
    const anyPacket = fc
      .record({
        tag: fc.oneof(fc.constantFrom(2, 5, 6, 7, 8, 13, 14, 17), fc.integer({ min: 0, max: 63 })),
        framing: fc.constantFrom(...FRAMINGS),
        body: bodies.map((body) => Buffer.from(body)),
      })
      .map((one) => formatPackets([one]));
    const piece = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...publicKeys) },
      { weight: 1, arbitrary: fc.constantFrom(...privateKeys) },
      { weight: 3, arbitrary: anyPacket },
      {
        weight: 1,
        arbitrary: fc.constantFrom('\n', 'text\n', '\0').map((text) => Buffer.from(text)),
      },
    );
    const harmless = fc
      .tuple(fc.constantFrom(2, 12, 13, 14, 17, 60), fc.uint8Array({ maxLength: 300 }))
      .map(([tag, body]) => packet(tag, body));
    const clean = fc
      .tuple(fc.constantFrom(...publicKeys), fc.array(harmless, { maxLength: 5 }))
      .map(([key, more]) => Buffer.concat([key, ...more]));
    const soup = fc.array(piece, { maxLength: 5 }).map((pieces) => Buffer.concat(pieces));
    const armored = fc
      .tuple(fc.constantFrom(block, label, 'MESSAGE', 'x'), soup)
      .map(([type, bytes]) => armor(type, bytes));
    const file = fc
      .tuple(fc.array(fc.oneof(clean, soup, armored), { minLength: 1, maxLength: 3 }), fc.nat(100))
      .map(([parts, cut]) => {
        const all = Buffer.concat(parts);
        return cut < 70 ? all : all.subarray(0, Math.floor((all.length * cut) / 100));
      });
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(file, async (bytes) => {
        const { isRefused } = await give(bytes);
        if (!isRefused) taken += 1;
        const packets = parsePackets(bytes);
        if (packets?.some((one) => isPrivateKey(one))) assert(isRefused);
      }),
      { numRuns: 500, examples: [[concat(good(), secret())]] },
    );
    assert(taken > 30, `${taken} of 500 were taken: the test says little`);
  });

  it('leaves nothing of it in any order and at any length of real exports', async () => {
    const parts = [good(), secret(), good(2)];
    const orders = [
      [0, 1, 2],
      [1, 0, 2],
      [0, 2, 1],
    ].map((order) => order.map((at) => parts[at] ?? ''));
    for (const order of orders) {
      const whole = concat(...order);
      const start = whole.indexOf(secret());
      for (let length = 0; length <= whole.length; length += 7) {
        const { isRefused } = await give(whole.subarray(0, length));
        if (length > start) assert(isRefused, `${length} bytes`);
      }
      for (const bytes of [
        armor(block, whole),
        concat(...order.map((part) => armor(block, Buffer.from(part)))),
      ]) {
        for (let length = start * 2; length <= bytes.length; length += 101) {
          await give(bytes.subarray(0, length));
        }
        assert.deepEqual(await give(bytes), { isRefused: true, isPrivate: true });
      }
    }
  });
});
