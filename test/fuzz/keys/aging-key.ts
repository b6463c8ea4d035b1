// Keys that end in all the ways in which keys end: an expiry of the primary key or of a subkey, in a
// certification or in a direct signature, and self-signatures that expire themselves.
import type { Random } from '../random.ts';
import {
  type CraftedKey,
  type CraftedSignature,
  craftKey,
  crossCertify,
  packetOf,
  signPrimary,
  signSubkey,
  signUser,
} from './crafted-key.ts';

export const DAY = 86_400;
/** How old they are, in days. */
const BORN = 400;
/** They end up to so many days from now, if they do. */
export const HORIZON = 600;

export interface AgingKey {
  readonly primary: CraftedKey;
  readonly subkey: CraftedKey | undefined;
  /** The key as gpg exports it, in binary. */
  readonly file: Buffer;
}

/** A key as of `now`, in seconds since 1970; ends lie a day or more from it. */
export function makeAgingKey(random: Random, now: number, hasSubkey: boolean): AgingKey {
  const created = now - BORN * DAY;
  const primary = craftKey(random.pick(['ed25519', 'ed25519', 'p256'] as const), created);
  const subkey = hasSubkey ? craftKey('ed25519', created + DAY) : undefined;
  const packets = [packetOf.primary(primary)];
  if (random.chance(0.3)) packets.push(signPrimary(primary, makeTerms(random, 0x1f, created)));
  for (const name of random.chance(0.3) ? ['A <a@example.test>', 'B <b@example.test>'] : ['A']) {
    packets.push(packetOf.user(name));
    for (let left = random.pick([1, 1, 2]); left > 0; left--) {
      packets.push(signUser(primary, name, makeTerms(random, 0x13, created)));
    }
  }
  if (subkey) packets.push(packetOf.subkey(subkey), bind(random, primary, subkey));
  return { primary, subkey, file: Buffer.concat(packets) };
}

function bind(random: Random, primary: CraftedKey, subkey: CraftedKey): Buffer {
  const terms = makeTerms(random, 0x18, subkey.created);
  const back = crossCertify(primary, subkey, { created: terms.created });
  return signSubkey(primary, subkey, { ...terms, flags: 2, hashedMore: [back] });
}

/** A self-signature that is 1 to 300 days old. Ends are measured from the key, and from the signature. */
function makeTerms(random: Random, type: number, from: number): CraftedSignature {
  const age = 1 + random.below(300);
  const created = from + (BORN - age) * DAY;
  return {
    type,
    created,
    ...(type === 0x1f && { flags: 3 }),
    ...(random.chance(0.5) && { keyLifetime: (BORN + 10 + random.below(HORIZON)) * DAY }),
    ...(random.chance(0.3) && { lifetime: (age + 10 + random.below(HORIZON)) * DAY }),
  };
}
