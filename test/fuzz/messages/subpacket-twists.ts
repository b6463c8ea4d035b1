// Every subpacket at its edges: types, lengths, critical bits, areas, places and repetitions.
import { makeSubpacket } from '../make-subpacket.ts';
import type { Random } from '../random.ts';
import { type Subpacket, formatNotation, formatSeconds } from '../subpacket.ts';
import { type Draft, SIGNED_AT, SUBPACKET, createdAt, fingerprintOf, issuerOf } from './draft.ts';
import type { Twist } from './twist.ts';

const YEAR = 365 * 24 * 3600;
const LAST_SECOND = 0xffffffff;
/** Lengths around those that a field must have, and around those where a longer form begins. */
const LENGTHS = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 19, 20, 21, 22, 24, 25, 32, 33, 34, 49, 50, 189, 190, 191, 192, 254,
  255, 256, 500, 8382, 8383, 9900,
];
/** gpg takes so much in one area. */
const MAX_AREA = 10_000;

export const SUBPACKET_TWISTS: readonly Twist[] = [
  (random, draft) => {
    const { what, subpacket } = makeSubpacket(random, draft.by.key, draft.created);
    return insert(random, draft, what, subpacket);
  },
  (random, draft) => {
    const type = random.below(128);
    const length = random.pick(LENGTHS);
    const data = random.chance(0.5) ? Buffer.alloc(length) : random.bytes(length);
    const subpacket = { type, data, critical: random.chance(0.2), isLong: random.chance(0.1) };
    const what = `type ${type} of ${length} bytes${subpacket.critical ? ', critical' : ''}`;
    return insert(random, draft, what, subpacket);
  },
  (random, draft) => {
    const subpacket = random.pick([...draft.hashed, ...draft.unhashed]);
    const what = `type ${subpacket.type} again`;
    return insert(random, draft, what, subpacket);
  },
  (random, draft) => changeOne(random, draft),
  (random, draft) => twistFingerprint(random, draft),
  (random, draft) => twistIssuer(random, draft),
  (random, draft) => twistTime(random, draft),
  (random, draft) => {
    const hashed = [...draft.hashed].toReversed();
    const swapped = random.chance(0.5);
    return swapped
      ? { what: 'order of subpackets', draft: { ...draft, hashed } }
      : {
          what: 'areas swapped',
          draft: { ...draft, hashed: draft.unhashed, unhashed: draft.hashed },
        };
  },
  (random, draft) => {
    const isHashed = random.chance(0.5);
    const area = isHashed ? draft.hashed : draft.unhashed;
    const used = area.reduce((sum, { data }) => sum + data.length + 2, 0);
    const free = MAX_AREA - used + random.pick([-1000, -2, -1, 0, 1, 2, 1000]);
    // Two-octet lengths: name, flags and lengths of the notation, its type, and its own length.
    const value = 'x'.repeat(Math.max(0, free - 5000 - 2 * (3 + 8 + 3)));
    const notations = [value, 'y'.repeat(5000)].map((text) => ({
      type: SUBPACKET.notation,
      data: formatNotation('a@b', text),
    }));
    const filled = { [isHashed ? 'hashed' : 'unhashed']: [...area, ...notations] };
    return {
      what: `${isHashed ? 'hashed' : 'unhashed'} area filled to about ${used + free}`,
      draft: { ...draft, ...filled },
    };
  },
  (random, draft) => {
    const name = random.pick(['a@example.test', 'name', '', '\0', 'x'.repeat(300)]);
    const data = formatNotation(name, random.pick(['', 'b', '\0\xff']), random.chance(0.5));
    const change = random.pick([0, 0, -1, 1]);
    const cut = change < 0 ? data.subarray(0, change) : Buffer.concat([data, Buffer.alloc(change)]);
    const subpacket = { type: SUBPACKET.notation, data: cut };
    return insert(random, draft, `notation ${name.slice(0, 20)} (${change})`, subpacket);
  },
];

function insert(random: Random, draft: Draft, what: string, added: Subpacket) {
  const isHashed = random.chance(0.6);
  const area = isHashed ? draft.hashed : draft.unhashed;
  const at = random.below(area.length + 1);
  const changed = area.toSpliced(at, 0, added);
  return {
    what: `${isHashed ? 'hashed' : 'unhashed'} ${what} at ${at}`,
    draft: { ...draft, ...(isHashed ? { hashed: changed } : { unhashed: changed }) },
  };
}

/** One of those that GnuPG writes: critical, long, shorter, longer, or gone. */
function changeOne(random: Random, draft: Draft) {
  const all = [...draft.hashed, ...draft.unhashed];
  const chosen = random.pick(all);
  const { data } = chosen;
  const [what, changed] = random.pick<readonly [string, Subpacket | undefined]>([
    ['critical', { ...chosen, critical: true }],
    ['with a long length', { ...chosen, isLong: true }],
    ['a byte shorter', { ...chosen, data: data.subarray(0, -1) }],
    ['a byte longer', { ...chosen, data: Buffer.concat([data, Buffer.alloc(1)]) }],
    ['a byte longer in front', { ...chosen, data: Buffer.concat([Buffer.alloc(1), data]) }],
    ['empty', { ...chosen, data: Buffer.alloc(0) }],
    ['gone', undefined],
  ]);
  const replace = (area: readonly Subpacket[]) =>
    area.flatMap((one) => (one === chosen ? (changed ?? []) : one));
  return {
    what: `type ${chosen.type} ${what}`,
    draft: { ...draft, hashed: replace(draft.hashed), unhashed: replace(draft.unhashed) },
  };
}

function twistFingerprint(random: Random, draft: Draft) {
  const right = draft.by.key.fingerprint;
  const version = random.pick([0, 1, 3, 4, 4, 4, 5, 6, 255]);
  const [form, bytes] = random.pick<readonly [string, Buffer]>([
    ['right', right],
    ['with another start', Buffer.concat([random.bytes(12), right.subarray(12)])],
    ['with another end', Buffer.concat([right.subarray(0, 12), random.bytes(8)])],
    ['of 32 bytes', Buffer.concat([right, random.bytes(12)])],
    ['of 32 bytes that end right', Buffer.concat([random.bytes(12), right])],
    ['of 19 bytes', right.subarray(1)],
    ['of 8 bytes', right.subarray(12)],
  ]);
  const data = Buffer.concat([Buffer.from([version]), bytes]);
  const made = { type: SUBPACKET.fingerprint, data, critical: random.chance(0.1) };
  const withoutIt = draft.hashed.filter(({ type }) => type !== SUBPACKET.fingerprint);
  const isHashed = random.chance(0.5);
  const hasIssuer = random.chance(0.4);
  const issuer = hasIssuer ? [issuerOf(draft.by)] : [];
  return {
    what: [
      `${isHashed ? 'hashed' : 'unhashed'} fingerprint of version ${version} ${form}`,
      hasIssuer ? '' : 'no key ID',
    ].join(', '),
    draft: {
      ...draft,
      hashed: isHashed ? [made, ...withoutIt] : withoutIt,
      unhashed: isHashed ? issuer : [...issuer, made],
    },
  };
}

function twistIssuer(random: Random, draft: Draft) {
  const right = issuerOf(draft.by);
  const other = { ...right, data: random.bytes(8) };
  const zero = { ...right, data: Buffer.alloc(8) };
  const [what, hashedIds, unhashedIds] = random.pick<
    readonly [string, readonly Subpacket[], readonly Subpacket[]]
  >([
    ['no key ID', [], []],
    ['hashed key ID', [right], []],
    ['key ID in both areas', [right], [right]],
    ['other key ID', [], [other]],
    ['key ID 0', [], [zero]],
    ['other key ID hashed, right one not', [other], [right]],
    ['right key ID hashed, other one not', [right], [other]],
    ['two key IDs, the right one first', [], [right, other]],
    ['two key IDs, the right one last', [], [other, right]],
  ]);
  const hasFingerprint = random.chance(0.4);
  const rest = draft.hashed.filter(({ type }) => type !== SUBPACKET.fingerprint);
  const fingerprint = hasFingerprint ? [fingerprintOf(draft.by)] : [];
  return {
    what: `${what}, ${hasFingerprint ? 'with' : 'without'} fingerprint`,
    draft: { ...draft, hashed: [...fingerprint, ...rest, ...hashedIds], unhashed: unhashedIds },
  };
}

function twistTime(random: Random, draft: Draft) {
  const { created: keyMade } = draft.by.key;
  const made = random.pick([
    0,
    1,
    keyMade - 86_401,
    keyMade - 1,
    keyMade,
    keyMade + 1,
    SIGNED_AT,
    SIGNED_AT,
    SIGNED_AT + 15 * YEAR,
    2 ** 31 - 1,
    2 ** 31,
    LAST_SECOND - 1,
    LAST_SECOND,
  ]);
  const lifetime = random.pick([
    'ever',
    0,
    1,
    YEAR,
    20 * YEAR,
    LAST_SECOND - made - 1,
    LAST_SECOND - made,
    LAST_SECOND - made + 1,
    LAST_SECOND,
  ]);
  const isHashed = random.chance(0.9);
  const expires =
    lifetime === 'ever' ? [] : [{ type: SUBPACKET.expires, data: formatSeconds(Number(lifetime)) }];
  const rest = draft.hashed.filter(({ type }) => type !== SUBPACKET.created);
  return {
    what: `made at ${made}, for ${lifetime}${isHashed ? '' : ', not hashed'}`,
    draft: {
      ...draft,
      created: made,
      hashed: [...rest, createdAt(made), ...(isHashed ? expires : [])],
      unhashed: [...draft.unhashed, ...(isHashed ? [] : expires)],
    },
  };
}
