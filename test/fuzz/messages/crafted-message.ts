// Signed messages as no program writes them: gpg never makes what gpg refuses.
import { validPayload } from '../payload.ts';
import { PLACES } from '../place.ts';
import { type Random, makeRandom } from '../random.ts';
import { formatDraft, makeDraft } from './draft.ts';
import { FIELD_TWISTS } from './field-twists.ts';
import type { MessageKey } from './message-keys.ts';
import { SUBPACKET_TWISTS } from './subpacket-twists.ts';

/** A message and what is peculiar about it. */
export interface CraftedMessage {
  readonly what: string;
  readonly bytes: Buffer;
}

/** Those that are judged in process if nothing else is odd. */
const USUAL_KINDS: ReadonlySet<string> = new Set([
  'RSA-2048',
  'RSA-3072',
  'P-256',
  'P-384',
  'P-521',
  'EdDSA-22',
]);

/** The messages of a seed, with up to three peculiarities each. */
export function* craftMessages(
  keys: readonly MessageKey[],
  seed: number,
  count: number,
): Generator<CraftedMessage> {
  const random = makeRandom(seed);
  for (let left = count; left > 0; left--) yield craftMessage(random, keys);
}

function craftMessage(random: Random, keys: readonly MessageKey[]): CraftedMessage {
  const isUsual = random.chance(0.75);
  const by = random.pick(isUsual ? keys.filter(({ kind }) => USUAL_KINDS.has(kind)) : keys);
  let draft = makeDraft(random, by, makePayload(random));
  const said: string[] = [];
  for (let left = random.pick([0, 1, 1, 1, 1, 2, 2, 3]); left > 0; left--) {
    const twists = random.chance(0.5) ? SUBPACKET_TWISTS : FIELD_TWISTS;
    const twisted = random.pick(twists)(random, draft);
    said.push(twisted.what);
    ({ draft } = twisted);
  }
  const layers = draft.layers.map(({ algorithm }) => algorithm).join(' ') || 'none';
  const base = `${by.kind}, hash ${draft.hash}, compression ${layers}, ${draft.order.join(' ')}`;
  return { what: [base, ...said].join('; '), bytes: formatDraft(draft) };
}

/** Now and then long, or with line ends, which text treats specially. */
function makePayload(random: Random): Buffer {
  const payload = validPayload(PLACES[0], random.pick([0, 0, 0, 0, 600, 5000]));
  if (random.chance(0.9)) return payload;
  const end = random.pick(['\n', '\r\n', ' \n', '\r']);
  return Buffer.from(payload.toString().replaceAll(',', `,${end}`));
}
