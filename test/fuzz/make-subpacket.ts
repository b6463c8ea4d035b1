import type { ForgedKey } from './forged-key.ts';
import type { Random } from './random.ts';
import { type Subpacket, formatNotation, formatSeconds } from './subpacket.ts';

const YEAR = 365 * 24 * 3600;
const CREATED = 2;
const EXPIRES = 3;
const ISSUER = 16;
const ISSUER_FINGERPRINT = 33;

/** A subpacket of any type, right or wrong. */
export function makeSubpacket(
  random: Random,
  key: Pick<ForgedKey, 'keyId' | 'fingerprint'>,
  created: number,
): { what: string; subpacket: Subpacket } {
  const fingerprint = Buffer.concat([Buffer.from([4]), key.fingerprint]);
  const [type, name, data] = random.pick<readonly [number, string, Buffer]>([
    [CREATED, 'created', formatSeconds(created)],
    [CREATED, 'created earlier', formatSeconds(created - YEAR)],
    [CREATED, 'created, empty', Buffer.alloc(0)],
    [EXPIRES, 'expires never', formatSeconds(0)],
    [EXPIRES, 'expires at once', formatSeconds(1)],
    [EXPIRES, 'expires later', formatSeconds(20 * YEAR)],
    [EXPIRES, 'expires as late as can be', formatSeconds(0xffffffff)],
    [EXPIRES, 'expires, empty', Buffer.alloc(0)],
    [4, 'exportable', Buffer.from([1])],
    [4, 'not exportable', Buffer.from([0])],
    [5, 'trust', Buffer.from([1, 60])],
    [6, 'regular expression', Buffer.from('.*\0')],
    [7, 'not revocable', Buffer.from([0])],
    [9, 'key expires', formatSeconds(1)],
    [10, 'placeholder', Buffer.from([1])],
    [11, 'preferred ciphers', Buffer.from([9, 8])],
    [12, 'revocation key', Buffer.concat([Buffer.from([0x80, 1]), key.fingerprint])],
    [ISSUER, 'issuer', key.keyId],
    [ISSUER, 'other issuer', random.bytes(8)],
    [ISSUER, 'issuer 0', Buffer.alloc(8)],
    [ISSUER, 'short issuer', key.keyId.subarray(4)],
    [20, 'notation', formatNotation('a@example.test', 'b')],
    [20, 'notation of bytes', formatNotation('a@example.test', '\0', false)],
    [20, 'notation without name', formatNotation('', '')],
    [20, 'short notation', Buffer.alloc(3)],
    [23, 'keyserver preferences', Buffer.from([0x80])],
    [24, 'keyserver', Buffer.from('https://example.test/')],
    [25, 'primary user', Buffer.from([1])],
    [26, 'policy', Buffer.from('https://example.test/')],
    [27, 'key flags', Buffer.from([3])],
    [28, 'signer', Buffer.from('plain@example.test')],
    [29, 'revocation reason', Buffer.from([1])],
    [30, 'features', Buffer.from([1])],
    [31, 'target', Buffer.alloc(34, 8)],
    [32, 'embedded signature', Buffer.alloc(20, 4)],
    [ISSUER_FINGERPRINT, 'fingerprint', fingerprint],
    [ISSUER_FINGERPRINT, 'other fingerprint', Buffer.concat([Buffer.from([4]), random.bytes(20)])],
    [ISSUER_FINGERPRINT, 'version 5 fingerprint', Buffer.alloc(33, 5)],
    [ISSUER_FINGERPRINT, 'short fingerprint', fingerprint.subarray(0, 9)],
    [35, 'recipient', fingerprint],
    [0, 'type 0', Buffer.from('x')],
    [60, 'unknown type', Buffer.from('x')],
    [101, 'private type', Buffer.from('x')],
    [127, 'type 127', Buffer.alloc(300)],
  ]);
  const critical = random.chance(0.3);
  const isLong = random.chance(0.05);
  const what = `${critical ? 'critical ' : ''}${name}${isLong ? ' (long length)' : ''}`;
  return { what, subpacket: { type, data, critical, isLong } };
}
