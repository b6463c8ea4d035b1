import { BYTE_MUTATIONS } from './byte-mutations.ts';
import { FIELD_MUTATIONS } from './field-mutations.ts';
import { forgeMessage, forgePlainMessage } from './forged-message.ts';
import type { Material } from './material.ts';
import type { Mutation } from './mutation.ts';
import { PACKET_MUTATIONS } from './packet-mutations.ts';
import { makePayload, validPayload } from './payload.ts';
import { PLACES, type Place } from './place.ts';
import { type Random, makeRandom } from './random.ts';

/** A signature file to be judged. */
export interface Case {
  /** For the table of results: how it was made, in a few words each. */
  readonly kinds: readonly string[];
  /** All that was done, in one line. */
  readonly what: string;
  /** Where the image lies that it is for. */
  readonly place: Place;
  readonly bytes: Buffer;
}

/** Changes of the file as a whole come last: no packets are found after them. */
const FILE_KINDS = new Set(['first byte', 'frame', 'other file', 'truncated']);
const MUTATIONS = [...PACKET_MUTATIONS, ...FIELD_MUTATIONS, ...BYTE_MUTATIONS];
const MOST_TRIES = 20;

/** The cases of a seed: first the messages as gpg made them, then changed ones. */
export function* makeCases(material: Material, seed: number, count: number): Generator<Case> {
  const random = makeRandom(seed);
  for (const { what, bytes } of material.messages.slice(0, count)) {
    yield { kinds: ['by gpg'], what, place: PLACES[0], bytes };
  }
  for (let left = count - material.messages.length; left > 0; left--) {
    yield random.pick([
      changedMessage,
      changedMessage,
      forgedMessage,
      forgedMessage,
      changedPayload,
      changedPayload,
    ])(random, material);
  }
}

function changedMessage(random: Random, material: Material): Case {
  const { what, bytes } = random.pick(material.messages);
  const base = { kinds: [], what, place: PLACES[0], bytes };
  return mutate(random, base, random.pick([1, 1, 1, 2, 2, 3]));
}

function forgedMessage(random: Random, { forgedKeys }: Material): Case {
  const place = PLACES[0];
  const { what, bytes } = forgeMessage(random, forgedKeys, forgedPayload(random, place));
  return mutate(random, { kinds: ['forged'], what, place, bytes }, random.pick([0, 0, 0, 1, 2]));
}

/** Now and then with line ends, which text signatures treat specially. */
function forgedPayload(random: Random, place: Place): Buffer {
  const payload = validPayload(place, random.pick([0, 0, 0, 600, 9_000]));
  return random.chance(0.8)
    ? payload
    : Buffer.from(payload.toString().replaceAll(',', random.pick([',\n', ',\r\n', ', \n', ',\r'])));
}

function changedPayload(random: Random, { forgedKeys }: Material): Case {
  const { what, place, bytes } = makePayload(random);
  const [plain = random.pick(forgedKeys)] = forgedKeys;
  return { kinds: ['payload'], what, place, bytes: forgePlainMessage(plain, bytes) };
}

function mutate(random: Random, base: Case, count: number): Case {
  const chosen = Array.from({ length: count }, () => random.pick(MUTATIONS));
  let made = base;
  for (const wanted of chosen.toSorted((one, other) => isLast(one) - isLast(other))) {
    made = mutateOnce(random, made, wanted);
  }
  return made;
}

function isLast({ kind }: Mutation): number {
  return Number(FILE_KINDS.has(kind));
}

/** Takes another mutation where the wanted one does not apply. */
function mutateOnce(random: Random, base: Case, wanted: Mutation): Case {
  let mutation = wanted;
  for (let left = MOST_TRIES; left > 0; left--) {
    const changed = mutation.apply(random, base.bytes);
    if (changed) {
      return {
        ...base,
        kinds: [...base.kinds, mutation.kind],
        what: `${base.what}; ${mutation.kind}: ${changed.what}`,
        bytes: changed.bytes,
      };
    }
    mutation = random.pick(MUTATIONS);
  }
  return base;
}
