import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { describeWith } from '../../with-tools.ts';
import { COMPRESSION } from '../compression.ts';
import { formatCompared } from '../compare.ts';
import { HASHES } from '../key-material.ts';
import { makeRandom } from '../random.ts';
import type { SignatureFields } from '../signature-packet.ts';
import { formatNotation } from '../subpacket.ts';
import { MessageJudges, formatComparedMessage } from './compare-messages.ts';
import { type CraftedMessage, craftMessages } from './crafted-message.ts';
import {
  type Draft,
  type Layer,
  SUBPACKET,
  createdAt,
  fingerprintOf,
  formatDraft,
  makeDraft,
} from './draft.ts';
import { compareWithSkopeo } from './fuzz-messages.ts';

const MESSAGES = 500;
const BY_SKOPEO = 10;

const MARKER = Buffer.from([0xca, 3, ...Buffer.from('PGP')]);
const EMPTY_SIGNATURE = Buffer.from([0x88, 0]);

/** Judged in process, by the kind of the key: hashes by their numbers. All others are for gpgv. */
const IN_PROCESS: Readonly<Record<string, readonly number[]>> = {
  'RSA-2048': [8, 9, 10, 11],
  'RSA-3072': [8, 9, 10, 11],
  'P-256': [8, 9, 10],
  'P-384': [9, 10],
  'P-521': [10],
  'EdDSA-22': [8, 9, 10],
};
/** What GnuPG 2.2 takes beside those. */
const BY_GPGV: Readonly<Record<string, readonly number[]>> = {
  'RSA-2048': [2, 3],
  'RSA-3072': [2, 3],
  'RSA-1024': [2, 3, 8, 9, 10, 11],
  'DSA-1024': [2, 3, 8, 9, 10, 11],
  'DSA-2048': [8, 9, 10],
  secp256k1: [8, 9, 10],
  brainpoolP256r1: [8, 9, 10],
  brainpoolP384r1: [9, 10],
  brainpoolP512r1: [10],
  'EdDSA-22': [2, 3, 11],
};

function withHashed(draft: Draft, type: number, data: Buffer): Draft {
  return { ...draft, hashed: [...draft.hashed, { type, data }] };
}

/** No other subpacket says whose signature it is. */
function namedOnlyBy(draft: Draft, data: Buffer, isHashed: boolean): Draft {
  const fingerprint = { type: SUBPACKET.fingerprint, data };
  const made = createdAt(draft.created);
  return isHashed
    ? { ...draft, hashed: [fingerprint, made], unhashed: [] }
    : { ...draft, hashed: [made], unhashed: [fingerprint] };
}

function withVersion(draft: Draft, version: number): Buffer {
  return Buffer.concat([Buffer.from([version]), draft.by.key.fingerprint]);
}

function withOtherStart(draft: Draft): Draft {
  return { ...draft, changes: [flipDigestStart] };
}

function flipDigestStart(fields: SignatureFields): SignatureFields {
  return { ...fields, digestStart: flip(fields.digestStart) };
}

function twice(message: Buffer): Buffer {
  return Buffer.concat([message, message]);
}

function withNewline(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.from('\n')]);
}

/** GnuPG fills its decompressors by 2,048 bytes, which do not count the number of the algorithm. */
function fillReadAhead(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc(2049 - body.length)]);
}

function flip(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => byte ^ 1));
}

function replaceBytes(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const at = bytes.indexOf(from);
  assert(at >= 0);
  return Buffer.concat([bytes.subarray(0, at), to, bytes.subarray(at + from.length)]);
}

describeWith(['gpg', 'gpgv'], 'fuzz: crafted messages against gpg', () => {
  const seed = randomInt(2 ** 32);
  let judges: MessageJudges;
  before(async () => {
    judges = await MessageJudges.open();
  });
  after(() => judges.close());

  /** A draft of what GnuPG writes, by a key of a kind. */
  function draftBy(kind: string): Draft {
    const by = judges.keys.find((key) => key.kind === kind) ?? assert.fail(kind);
    const draft = makeDraft(makeRandom(0), by, Buffer.from('payload'));
    const hashed = [fingerprintOf(by), createdAt(draft.created)];
    return { ...draft, hash: 10, hashed, order: ['onePass', 'literal', 'signature'], layers: [] };
  }

  const judge = async (what: string, draft: Draft) =>
    judges.compare({ what, bytes: formatDraft(draft) });

  it('agrees on every pair of algorithm and hash, and never takes in process what gpg refuses', async () => {
    for (const { kind } of judges.keys) {
      const drafts = [...HASHES].map(([hash, name]) => ({
        what: `${kind} ${name}`,
        bytes: formatDraft({ ...draftBy(kind), hash }),
      }));
      const inProcess: number[] = [];
      const taken: number[] = [];
      const compared = await judges.compareAll(drafts);
      for (const [index, [hash]] of [...HASHES].entries()) {
        const one = compared[index] ?? assert.fail();
        assert.equal(one.fault, undefined, formatComparedMessage(one));
        if (one.isTakenInProcess) inProcess.push(hash);
        else if (one.isTaken) taken.push(hash);
      }
      assert.deepEqual(inProcess, IN_PROCESS[kind] ?? [], kind);
      assert.deepEqual(taken, BY_GPGV[kind] ?? [], kind);
    }
  });

  const refused: readonly (readonly [string, (draft: Draft) => Draft])[] = [
    ...[0, 4, 5].map(
      (version) =>
        [
          `a fingerprint of version ${version} that is not hashed, and no key ID`,
          (draft: Draft) => namedOnlyBy(draft, withVersion(draft, version), false),
        ] as const,
    ),
    [
      'a fingerprint that begins like that of no key, and no key ID',
      (draft) => namedOnlyBy(draft, Buffer.from(withVersion(draft, 4).with(1, 0).with(2, 0)), true),
    ],
    [
      'more than 10,000 hashed bytes',
      (draft) => withHashed(draft, SUBPACKET.notation, formatNotation('a@b', 'x'.repeat(9990))),
    ],
    [
      'an empty notation that is no text, at which gpg crashes',
      (draft) => withHashed(draft, SUBPACKET.notation, formatNotation('a@b', '', false)),
    ],
    [
      'an empty signature packet beside a compressed message, which gpgv passes over',
      (draft) => ({
        ...draft,
        layers: [{ algorithm: COMPRESSION.zip, framing: 'old-indeterminate' }],
        finish: (message) => Buffer.concat([EMPTY_SIGNATURE, message]),
      }),
    ],
    [
      'a second message behind one that is compressed in pieces',
      (draft) => ({
        ...draft,
        payload: randomBytes(600),
        layers: [{ algorithm: COMPRESSION.zip, framing: 'new-partial', piece: 512 }],
        finish: twice,
      }),
    ],
    [
      'a signature packet where GnuPG reads on behind a compressed message',
      (draft) => ({
        ...draft,
        layers: [{ algorithm: COMPRESSION.zlib, framing: 'old-2', change: fillReadAhead }],
        finish: (message) => Buffer.concat([message, EMPTY_SIGNATURE]),
      }),
    ],
    [
      'a signature packet in pieces',
      ({ framings, ...draft }) => ({
        ...draft,
        framings: { ...framings, signature: { framing: 'new-partial', piece: 64 } },
      }),
    ],
  ];
  for (const [title, change] of refused) {
    it(`refuses, as gpg does: ${title}`, async () => {
      for (const kind of ['RSA-2048', 'P-256', 'EdDSA-22']) {
        const compared = await judge(`${kind} with ${title}`, change(draftBy(kind)));
        assert.equal(compared.fault, undefined, formatComparedMessage(compared));
        assert.equal(compared.isTakenInProcess, false, kind);
        assert.equal(compared.isTaken, false, kind);
      }
    });
  }

  it('takes what gpg takes beside a line break that it never reads', async () => {
    const compared = await judge('a newline behind a compressed message', {
      ...draftBy('RSA-2048'),
      layers: [{ algorithm: COMPRESSION.zlib, framing: 'old-2' }],
      finish: (message) => Buffer.concat([message, Buffer.from('\n')]),
    });
    assert.equal(compared.fault, undefined, formatComparedMessage(compared));
    assert.equal(compared.isTaken, true);
  });

  const lost: readonly (readonly [string, Layer, (message: Buffer) => Buffer])[] = [
    [
      'a second compressed message, and a byte behind each stream',
      { algorithm: COMPRESSION.zip, framing: 'new-2', change: withNewline },
      twice,
    ],
    ['a second message', { algorithm: COMPRESSION.zlib, framing: 'new-5' }, twice],
    [
      'a signature packet',
      { algorithm: COMPRESSION.zip, framing: 'old-2' },
      (message) => Buffer.concat([message, EMPTY_SIGNATURE]),
    ],
    [
      'all but one byte of what is compressed, by the length that its header says',
      { algorithm: COMPRESSION.zip, framing: 'new-5', lengthError: -400 },
      (message) => message,
    ],
  ];
  for (const [title, layer, finish] of lost) {
    it(`takes what gpg takes beside what it never meets: ${title}`, async () => {
      const layers = [layer];
      const compared = await judge(title, { ...draftBy('RSA-3072'), layers, finish });
      assert.equal(compared.fault, undefined, formatComparedMessage(compared));
      assert.equal(compared.isTaken, true);
    });
  }

  const reasons: readonly (readonly [string, RegExp, (draft: Draft) => Draft])[] = [
    ['P-256', /^cannot-verify: the signature uses SHA-224$/, (draft) => ({ ...draft, hash: 11 })],
    ['P-521', /^cannot-verify: the signature uses SHA-384$/, (draft) => ({ ...draft, hash: 9 })],
    [
      'RSA-2048',
      /^cannot-verify: the signature has the algorithm number 3, unlike its key$/,
      (draft) => ({ ...draft, algorithm: 3 }),
    ],
    [
      'P-384',
      /^cannot-verify: the message is not in the form that GnuPG writes$/,
      (draft) => ({
        ...draft,
        layers: [{ algorithm: COMPRESSION.zip, framing: 'old-indeterminate' }],
        finish: (message) => Buffer.concat([MARKER, message]),
      }),
    ],
    [
      'EdDSA-22',
      /^cannot-verify: the signature does not name one key as its signer$/,
      (draft) => ({
        ...namedOnlyBy(draft, withVersion(draft, 5), false),
        order: ['signature', 'literal'],
      }),
    ],
  ];
  const [goodNumbers, badNumbers] = [
    /^cannot-verify: the signature is good, but says of the digest that it starts otherwise/,
    /^bad-signature: the signature does not match the payload$/,
  ];
  for (const kind of ['RSA-2048', 'P-256', 'EdDSA-22']) {
    it(`takes what gpg takes whatever the start of the digest: ${kind}`, async () => {
      const good = await judge(`${kind}, another start`, withOtherStart(draftBy(kind)));
      assert.equal(good.fault, undefined, formatComparedMessage(good));
      assert.equal(good.isTaken, true);
      assert.match(good.verdicts[0]?.replace('in process: ', '') ?? '', goodNumbers);
      const payload = Buffer.from('another');
      const other = formatDraft({ ...draftBy(kind), payload });
      const bytes = replaceBytes(other, payload, Buffer.from('changed'));
      const bad = await judges.compare({ what: `${kind}, another payload`, bytes });
      assert.equal(bad.fault, undefined, formatComparedMessage(bad));
      assert.match(bad.verdicts[0]?.replace('in process: ', '') ?? '', badNumbers);
    });
  }

  for (const [kind, reason, change] of reasons) {
    it(`says without gpgv why it has to be asked: ${kind}, ${reason.source}`, async () => {
      const { verdicts } = await judge(kind, change(draftBy(kind)));
      assert.match(verdicts[0]?.replace('in process: ', '') ?? '', reason);
    });
  }

  it(`says the same of ${MESSAGES} messages (seed ${seed})`, async () => {
    const messages = craftMessages(judges.keys, seed, MESSAGES);
    const results = await judges.compareAll(messages);
    const again = `npm run fuzz -- --seed ${seed} --messages ${MESSAGES}`;
    const faults = results.filter(({ fault }) => fault !== undefined).map(formatComparedMessage);
    assert.equal(faults.length, 0, [again, ...faults].join('\n'));
    const count = (isTaken: (one: (typeof results)[number]) => boolean): number =>
      results.filter(isTaken).length;
    assert.ok(count((one) => one.isTakenInProcess) > MESSAGES / 20);
    assert.ok(count((one) => one.isTaken && !one.isTakenInProcess) > MESSAGES / 20);
    assert.ok(count((one) => !one.isTaken) > MESSAGES / 5);
  });

  describeWith(['skopeo', 'docker-registry'], 'and against skopeo', () => {
    it(`says the same of ${BY_SKOPEO} messages (seed ${seed})`, async () => {
      const messages: readonly CraftedMessage[] = [
        ...craftMessages(judges.keys, seed ^ 1, BY_SKOPEO),
      ];
      const disagreed = await compareWithSkopeo(messages, judges.keyring);
      assert.deepEqual(disagreed.map(formatCompared), []);
    });
  });
});
