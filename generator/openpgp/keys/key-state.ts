// Whether a key is still of use at a given time, by what the key says of itself.
import { formatTime } from '../../terms/text.ts';
import { hasPassed } from '../../terms/validity.ts';

/** How a key ends. Times are milliseconds since 1970, Infinity for never. */
export interface KeyLife {
  readonly isRevoked: boolean;
  /**
   * The last second in which the primary key and its subkeys may sign, by fingerprint. Those that are revoked
   * or made for something else are left out; those that cannot be read are not.
   */
  readonly signers: ReadonlyMap<string, number>;
}

/** Times are ISO 8601. */
export type KeyState =
  /** Nobody here can read the key. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'good' }
  /** Good until then. */
  | { readonly kind: 'expires'; readonly at: string }
  | { readonly kind: 'expired'; readonly at: string }
  | { readonly kind: 'revoked' }
  /** Good, but no part of it may sign; `since` is undefined if none ever could, or is revoked. */
  | { readonly kind: 'cannot-sign'; readonly since: string | undefined };

/** What is known of when a key ends. */
interface EndingKey {
  readonly fingerprint: string;
  /** Of the primary key: ISO 8601, or null if never. */
  readonly expires: string | null;
}

/** Whether a subkey has made signatures that count. */
export type IsInUse = (subkey: string) => boolean;

const NONE_IN_USE: IsInUse = () => false;

/** The state of a key as of `now`, by the same end as {@link findEnd}. */
export function toKeyState(
  key: EndingKey,
  life: KeyLife | undefined,
  now: Date,
  isInUse = NONE_IN_USE,
): KeyState {
  if (life?.isRevoked) return { kind: 'revoked' };
  if (key.expires !== null && hasPassed(endOf(key.expires), now)) {
    return { kind: 'expired', at: key.expires };
  }
  const signs = life ? Math.max(...life.signers.values()) : Infinity;
  if (hasPassed(signs, now)) {
    return { kind: 'cannot-sign', since: signs > 0 ? formatTime(signs) : undefined };
  }
  const end = findEnd(key, life, isInUse);
  if (hasPassed(end, now)) return { kind: 'expired', at: formatTime(end) };
  if (end !== Infinity) return { kind: 'expires', at: formatTime(end) };
  return life ? { kind: 'good' } : { kind: 'unknown' };
}

/**
 * When signatures by a key stop to count, in milliseconds since 1970, Infinity if they do not: the first
 * of its own end, those of the subkeys in use, and the moment from which no part of it can sign.
 */
export function findEnd(
  { fingerprint, expires }: EndingKey,
  life: KeyLife | undefined,
  isInUse: IsInUse,
): number {
  const parts = [...(life?.signers ?? [])];
  const inUse = parts.filter(([part]) => part !== fingerprint && isInUse(part));
  const last = parts.length === 0 ? Infinity : Math.max(...parts.map(([, until]) => until));
  return Math.min(endOf(expires), last, ...inUse.map(([, until]) => until));
}

function endOf(expires: string | null): number {
  return expires === null ? Infinity : Date.parse(expires);
}

/** The same as ISO 8601, or null; for a key that could never sign, its own end. */
export function formatEnd(
  key: EndingKey,
  life: KeyLife | undefined,
  isInUse: IsInUse,
): string | null {
  const end = findEnd(key, life, isInUse);
  if (end <= 0) return key.expires;
  return Number.isFinite(end) ? formatTime(end) : null;
}

/**
 * How two copies of a key differ: in which parts may sign as of `now`, or only in how long they may.
 * Undefined if they do not differ.
 */
export function compareLives(
  one: KeyLife,
  other: KeyLife,
  now: Date,
): 'signers' | 'expiry' | undefined {
  const signing = [one, other].map((life) => signersAt(life, now));
  const [first = [], second = []] = signing;
  if (first.join(' ') !== second.join(' ')) return 'signers';
  return first.some((key) => one.signers.get(key) !== other.signers.get(key))
    ? 'expiry'
    : undefined;
}

function signersAt({ isRevoked, signers }: KeyLife, now: Date): readonly string[] {
  if (isRevoked) return [];
  const good = [...signers].filter(([, until]) => !hasPassed(until, now));
  return good.map(([fingerprint]) => fingerprint).toSorted();
}
