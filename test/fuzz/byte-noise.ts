// Random bytes over real signatures, judged by the in-process engine alone: gpgv would hide what
// that engine lets through.
import { setImmediate } from 'node:timers/promises';
import { createOpenMessage } from '../../generator/openpgp/open-message.ts';
import type { Keyring } from '../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../generator/openpgp/read-keyring.ts';
import { parseSignatureFile } from '../../generator/openpgp/signature-file.ts';
import { isRejection } from '../../generator/terms/rejection.ts';
import type { Case } from './cases.ts';
import { decompress } from './compression.ts';
import type { BaseMessage, Material } from './material.ts';
import { TAG, parsePackets } from './packet.ts';
import { PLACES } from './place.ts';
import { type Random, makeRandom } from './random.ts';

/** What came of a run. */
export interface NoiseResult {
  readonly judged: number;
  /** Files that were accepted although a byte was changed: a node must take them too. */
  readonly accepted: readonly BaseMessage[];
  /** Files that were accepted with another payload than the one that was signed. */
  readonly forged: readonly BaseMessage[];
  /** Resident memory after the first tenth and at the end, in bytes. */
  readonly memory: readonly [early: number, late: number];
}

const open = createOpenMessage(undefined);

/** Judges `count` changed copies of the messages that the engine accepts unchanged. */
export async function judgeNoise(
  material: Material,
  seed: number,
  count: number,
): Promise<NoiseResult> {
  const random = makeRandom(seed);
  const keyring = await readKeyring([{ path: 'known.gpg', bytes: material.keyring }]);
  const bases = await findAccepted(material.messages.flatMap(withoutCompression), keyring);
  const accepted: BaseMessage[] = [];
  const forged: BaseMessage[] = [];
  let early = 0;
  for (let judged = 0; judged < count; judged++) {
    if (judged === Math.ceil(count / 10)) early = process.memoryUsage().rss;
    const base = random.pick(bases);
    const changed = { what: `noise in ${base.what}`, bytes: changeBytes(random, base.bytes) };
    if (changed.bytes.equals(base.bytes)) continue;
    const payload = await openPayload(changed.bytes, keyring);
    if (!payload) continue;
    (payload.equals(base.payload) ? accepted : forged).push(changed);
    await setImmediate();
  }
  return { judged: count, accepted, forged, memory: [early, process.memoryUsage().rss] };
}

/** A changed file as a case for both judges. */
export function toCase({ what, bytes }: BaseMessage): Case {
  return { kinds: ['noise'], what, place: PLACES[0], bytes };
}

interface AcceptedMessage extends BaseMessage {
  readonly payload: Buffer;
}

async function findAccepted(
  messages: readonly BaseMessage[],
  keyring: Keyring,
): Promise<readonly AcceptedMessage[]> {
  const accepted: AcceptedMessage[] = [];
  for (const message of messages) {
    const payload = await openPayload(message.bytes, keyring);
    if (payload) accepted.push({ ...message, payload });
  }
  return accepted;
}

/** A change inside a compressed packet hits little but the compression. */
function withoutCompression(message: BaseMessage): readonly BaseMessage[] {
  const [first, ...rest] = parsePackets(message.bytes) ?? [];
  const inner = first?.tag === TAG.compressed && rest.length === 0 && decompress(first.body);
  return inner
    ? [message, { what: `${message.what}, uncompressed`, bytes: inner.content }]
    : [message];
}

async function openPayload(bytes: Buffer, keyring: Keyring): Promise<Buffer | undefined> {
  const blob = parseSignatureFile(bytes);
  if (isRejection(blob)) return undefined;
  const opened = await open(blob.untrustedMessage, keyring, new Date());
  return isRejection(opened) ? undefined : Buffer.from(opened.untrustedPayload);
}

/** One to four bytes set, removed or put in. */
function changeBytes(random: Random, bytes: Buffer): Buffer {
  let changed = Buffer.from(bytes);
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(changed.length);
    const [before, after] = [changed.subarray(0, at), changed.subarray(at + 1)];
    const byte = random.bytes(1);
    changed = Buffer.concat(
      random.pick([
        [before, byte, after],
        [before, byte, after],
        [before, after],
        [before, byte, changed.subarray(at)],
      ]),
    );
  }
  return changed;
}
