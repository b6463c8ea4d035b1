import { FRAMINGS, type Packet, TAG } from './packet.ts';
import type { Random } from './random.ts';

const TRUST = 12;
const USER_ATTRIBUTE = 17;
const MODIFICATION_DETECTION = 19;
const PADDING = 21;
const UNKNOWN_CRITICAL = 30;
const UNKNOWN = 45;
const PRIVATE = 60;

/** A packet that has no place in a signed message, or not a second time. */
export function makeStrayPacket(random: Random): { what: string; packet: Packet } {
  const junk = random.bytes(random.pick([0, 1, 3, 40]));
  const framing = random.pick(FRAMINGS.filter((one) => /[124]$/.test(one)));
  const [what, tag, body] = random.pick<readonly [string, number, Buffer]>([
    ['marker', TAG.marker, Buffer.from('PGP')],
    ['marker', TAG.marker, Buffer.from('PGP')],
    ['wrong marker', TAG.marker, junk],
    ['trust', TRUST, Buffer.from([6, 0])],
    ['user attribute', USER_ATTRIBUTE, junk],
    ['modification detection', MODIFICATION_DETECTION, random.bytes(20)],
    ['padding', PADDING, junk],
    ['unknown critical', UNKNOWN_CRITICAL, junk],
    ['unknown', UNKNOWN, junk],
    ['private', PRIVATE, junk],
    ['reserved', 0, junk],
    ['user ID', 13, Buffer.from('x <x@example.test>')],
    ['public key', 6, junk],
    ['session key', 1, junk],
    ['passphrase', 3, Buffer.from([4, 9, 0, 8])],
    ['encrypted data', 9, junk],
    ['protected data', 18, Buffer.concat([Buffer.from([1]), junk])],
    ['literal', TAG.literal, Buffer.from('b\0\0\0\0\0{}')],
    ['empty literal', TAG.literal, Buffer.alloc(0)],
    [
      'one-pass',
      TAG.onePass,
      Buffer.concat([Buffer.from([3, 0, 8, 1]), random.bytes(8), Buffer.from([1])]),
    ],
    ['signature', TAG.signature, junk],
    ['old comment', 16, junk],
    ['comment', 61, junk],
  ]);
  return { what: `${what} (${framing}, ${body.length} bytes)`, packet: { tag, framing, body } };
}
