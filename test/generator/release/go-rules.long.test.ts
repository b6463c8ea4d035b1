import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { judgeRelease } from '../../../generator/release/judge-release.ts';
import { judgeForMirror } from '../../../generator/release/mirror-rule.ts';
import { readReleaseKeyring } from '../../../generator/release/release-keyring.ts';
import { KeyFileError } from '../../../generator/openpgp/keys/key-file.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import { BYTE_MUTATIONS } from '../../fuzz/byte-mutations.ts';
import { makeKeyCase } from '../../fuzz/keys/random-key.ts';
import { formatArmor } from '../../fuzz/keys/armor-text.ts';
import { craftMessages } from '../../fuzz/messages/crafted-message.ts';
import { formatDraft, makeDraft } from '../../fuzz/messages/draft.ts';
import { type MessageKey, makeMessageKeys } from '../../fuzz/messages/message-keys.ts';
import { PACKET_MUTATIONS } from '../../fuzz/packet-mutations.ts';
import { makePayload, validPayload } from '../../fuzz/payload.ts';
import { HEX, PLACES } from '../../fuzz/place.ts';
import { type Random, makeRandom } from '../../fuzz/random.ts';
import {
  GO_OPENPGP,
  type ReleaseAnswer,
  type ReleaseQuestion,
  ReleaseVerifier,
} from '../../kit/go/release-verifier.ts';
import { makeSigner } from '../../kit/signer/signer.ts';
import { describeWith } from '../../with-tools.ts';
import { DIGEST, makeReleaseCases } from './release-cases.ts';

const MESSAGES = 300;

/** A question with what is peculiar about it. */
interface Asked extends ReleaseQuestion {
  readonly what: string;
}

/** What is said of the name of the image, which the Go program does not look at. */
const BEHIND = 'invalid-identity';

function reasonOf(verdict: object): string {
  return isRejection(verdict) ? `${verdict.code}: ${verdict.message}` : '';
}

/** Ours in Go's form: empty strings where nothing is wrong. */
function answerOurs({ keyring, digest, signature }: ReleaseQuestion) {
  try {
    const read = readReleaseKeyring({ path: 'keys', bytes: keyring });
    const verdict = judgeRelease(signature, digest, [read], new Date());
    const keys = read.keys.map(({ fingerprint }) => fingerprint);
    return { keys, refused: reasonOf(verdict), stopped: reasonOf(judgeForMirror(signature, read)) };
  } catch (error) {
    if (!(error instanceof KeyFileError)) throw error;
    return { keys: [], refused: error.message, stopped: error.message };
  }
}

/** Packets that hold a private key, or are compressed, are refused in a key file without a look at the rest. */
function isOursToRefuse(refused: string): boolean {
  return /got a (?:private key|compressed packet)|bzip2|encrypted/.test(refused);
}

function disagreements(
  asked: readonly Asked[],
  answers: readonly ReleaseAnswer[],
): readonly string[] {
  return asked.flatMap((question, index) => {
    const go = answers[index] ?? assert.fail();
    const ours = answerOurs(question);
    const isEqual =
      (go.refused === '') === (ours.refused === '') &&
      (go.stopped === '') === (ours.stopped === '' || ours.stopped.startsWith(BEHIND)) &&
      go.keys.join(' ') === ours.keys.join(' ');
    if (isEqual || isOursToRefuse(ours.refused)) return [];
    const text = Buffer.from(question.signature).toString('base64').slice(0, 400);
    return [
      `${question.what}: Go says "${go.keyring} ${go.refused}" and "${go.stopped}" with ${go.keys.join(' ')}, we say "${ours.refused}" and "${ours.stopped}" with ${ours.keys.join(' ')}: ${text}`,
    ];
  });
}

describeWith(
  ['go', 'gpg'],
  'release rules beside the OpenPGP engine of the cluster-version operator',
  () => {
    const seed = randomInt(2 ** 32);
    const digest = `sha256:${HEX}`;
    let verifier: ReleaseVerifier;
    let keys: readonly MessageKey[];
    let keyring: Buffer;

    before(async () => {
      verifier = await ReleaseVerifier.build();
      keys = makeMessageKeys();
      const read = keys.filter(({ kind }) => /^(?:RSA|DSA|P)-/.test(kind));
      const packets = Buffer.concat(read.map(({ key }) => key.publicKey));
      keyring = formatArmor('PUBLIC KEY BLOCK', packets);
    });
    after(() => verifier.remove());

    async function compare(asked: readonly Asked[]): Promise<readonly ReleaseAnswer[]> {
      const answers = await verifier.askAll(asked);
      const found = disagreements(asked, answers);
      assert.deepEqual(found, [], `seed ${seed}`);
      return answers;
    }

    /** A message by a key that Go reads, in the usual form. */
    function signed(random: Random, payload: Buffer): Buffer {
      const by = keys.find(({ kind }) => kind === 'RSA-2048') ?? assert.fail();
      return formatDraft(makeDraft(random, by, payload));
    }

    it('agree on every case', async () => {
      const signer = await makeSigner();
      try {
        const cases = await makeReleaseCases(signer);
        const answers = await compare(
          cases.map(({ title, keyring: own, bytes }) => ({
            what: title,
            keyring: own,
            digest: DIGEST,
            signature: bytes,
          })),
        );
        assert.deepEqual(
          cases.map(({ title, code }) => [title, code === undefined]),
          cases.map(({ title }, index) => [title, answers[index]?.refused === '']),
        );
      } finally {
        await signer.stop();
      }
    });

    it('agree on crafted messages', async () => {
      const messages = [...craftMessages(keys, seed, MESSAGES)];
      const answers = await compare(
        messages.map(({ what, bytes }) => ({ what, keyring, digest, signature: bytes })),
      );
      assert(answers.some(({ refused }) => refused === ''));
    });

    it('agree on payloads', async () => {
      const random = makeRandom(seed);
      const answers = await compare(
        Array.from({ length: MESSAGES }, () => {
          const { what, bytes } = makePayload(random);
          return { what, keyring, digest, signature: signed(random, bytes) };
        }),
      );
      assert(answers.some(({ refused }) => refused === ''));
    });

    it('agree on damaged messages', async () => {
      const random = makeRandom(seed);
      const asked = Array.from({ length: MESSAGES }, () => {
        const message = signed(random, validPayload(PLACES[0]));
        const mutation = random.pick([...BYTE_MUTATIONS, ...PACKET_MUTATIONS]);
        const mutated = mutation.apply(random, message);
        const { what, bytes } = mutated ?? { what: 'nothing', bytes: message };
        return { what: `${mutation.kind}: ${what}`, keyring, digest, signature: bytes };
      });
      await compare(asked);
    });

    it('agree on crafted keyrings, alone and one behind the other, binary and armored', async () => {
      const random = makeRandom(seed);
      const now = Math.floor(Date.now() / 1000);
      const asked = Array.from({ length: MESSAGES / 2 }, () => {
        const cases = Array.from({ length: random.pick([1, 1, 2, 3]) }, () =>
          makeKeyCase(random, now),
        );
        const packets = Buffer.concat(cases.flatMap(({ files }) => files));
        const isArmored = random.chance(0.3);
        return {
          what: cases.map(({ what }) => what).join(' | '),
          keyring: isArmored ? formatArmor('PUBLIC KEY BLOCK', packets) : packets,
          digest,
          signature: cases[0]?.messages[0]?.bytes ?? Buffer.from([0x90]),
        };
      });
      await compare(asked);
    });
  },
  [GO_OPENPGP],
);
