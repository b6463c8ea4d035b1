// What everybody asks of an imported key: until when it and its subkeys are good, which may sign,
// and whether other programs read it like GnuPG does.
import { LAST_SECOND } from '../packets/signature-packet.ts';
import type { KeyNoteCode } from './key-notes.ts';
import type { KeyPart } from './key-part.ts';
import {
  type KeyParts,
  type AnyPart,
  SIGNATURE_TYPE,
  isBySelf,
  isCertification,
} from './key-parts.ts';
import { type KeyTimeTerms, type PartTerms, type TermsContext, readTermsAt } from './key-terms.ts';
import type { SignaturePart } from './signature-part.ts';

/** A primary key or subkey as of a time. Times are milliseconds since 1970. */
export interface PartFacts {
  readonly key: KeyPart;
  /** The last second in which it is good without a new file; Infinity for ever. In the past, it has ended. */
  readonly until: number;
  /** Whether it may sign data, by what it is for. */
  readonly isForSigning: boolean;
  /** Whether its signatures count until then: it is valid, not revoked, and may sign. */
  readonly isSigner: boolean;
  /** Whether engines read it alike, as far as packets say. */
  readonly hasPlainPackets: boolean;
  /** The date of the newest self-signature. */
  readonly certifiedAt: number;
}

export interface KeyFacts {
  readonly primary: PartFacts;
  readonly subkeys: readonly PartFacts[];
  readonly isRevoked: boolean;
  /** No signature by it counts, though it is in the keyring. */
  readonly isValid: boolean;
  readonly userIds: readonly string[];
  readonly notes: readonly KeyNoteCode[];
}

/** The facts of a key as of `context.now`. */
export function readKeyFacts(whole: KeyParts, context: TermsContext): KeyFacts {
  const time = { ...context, now: Math.max(context.now, whole.primary.created) };
  const key = withoutBystanders(whole);
  const timeline = new Timeline(key, time);
  const { terms } = timeline;
  const until = timeline.findEnd(({ primary }) => primary);
  const isPlain = hasPlainPackets(whole) && doUsersAgree(key);
  const toFacts = (part: PartTerms, end: number): PartFacts => ({
    key: part.key,
    until: end,
    isForSigning: part.maySign && part.isCrossCertified,
    isSigner: part.isValid && !part.isRevoked && part.maySign && part.isCrossCertified,
    hasPlainPackets:
      isPlain && part.isCertain && part.isValid && !part.isRevoked && isPlainPart(key, part.key),
    certifiedAt: newestDate(key, part.key),
  });
  return {
    primary: toFacts(terms.primary, until),
    subkeys: terms.subkeys.map((part, index) =>
      toFacts(
        part,
        Math.min(
          until,
          timeline.findEnd(({ subkeys }) => subkeys[index]),
        ),
      ),
    ),
    isRevoked: terms.primary.isRevoked,
    isValid: terms.primary.isValid,
    userIds: key.parts.flatMap((part) =>
      part.kind === 'user' && !part.isPhoto ? [Buffer.from(part.body).toString('utf8')] : [],
    ),
    notes: noteTerms(terms, key.primary.created > context.now),
  };
}

function noteTerms(terms: KeyTimeTerms, isFuture: boolean): readonly KeyNoteCode[] {
  const { primary, subkeys, isMaybeRevoked } = terms;
  const isClaimed = subkeys.some(
    (one) => one.isValid && !one.isRevoked && one.maySign && !one.isCrossCertified,
  );
  return [
    ...(isFuture ? (['from-the-future'] as const) : []),
    ...(primary.isValid ? [] : (['nothing-certified'] as const)),
    ...(isClaimed ? (['subkey-not-cross-certified'] as const) : []),
    ...(isMaybeRevoked ? (['revoker-absent'] as const) : []),
  ];
}

/** Without the signatures by others that change nothing: there may be very many. */
function withoutBystanders({ primary, parts }: KeyParts): KeyParts {
  const kept = parts.filter(
    (part) =>
      part.kind !== 'signature' ||
      isBySelf(part, primary) ||
      part.type === SIGNATURE_TYPE.keyRevocation,
  );
  return { primary, parts: kept };
}

/** The terms of a key from now on: they change when a signature ends. */
class Timeline {
  readonly #key: KeyParts;
  readonly #context: TermsContext;
  readonly #starts: readonly number[];
  readonly #terms: KeyTimeTerms[] = [];

  constructor(key: KeyParts, context: TermsContext) {
    this.#key = key;
    this.#context = context;
    const ends = key.parts.flatMap((part) =>
      part.kind === 'signature' && part.expires > context.now ? [part.expires] : [],
    );
    this.#starts = [context.now, ...new Set(ends)].toSorted((one, other) => one - other);
  }

  /** As of now. */
  get terms(): KeyTimeTerms {
    return this.#termsFrom(0, this.#context.now);
  }

  #termsFrom(index: number, now: number): KeyTimeTerms {
    return (this.#terms[index] ??= readTermsAt(this.#key, { ...this.#context, now }));
  }

  /**
   * The last second in which a part is good: its expiry, or the one before a signature ends that makes
   * it one. An end in the past is the expiry that holds now. Milliseconds since 1970.
   */
  findEnd(pick: (terms: KeyTimeTerms) => PartTerms | undefined): number {
    for (const [index, now] of this.#starts.entries()) {
      const part = pick(this.#termsFrom(index, now));
      if (!part) return Infinity;
      const isOver = !part.isValid || (part.expires !== 0 && part.expires < now);
      if (isOver && index > 0) return (now - 1) * 1000;
      const next = this.#starts[index + 1] ?? Infinity;
      if (part.expires !== 0 && part.expires < next) return part.expires * 1000;
    }
    return Infinity;
  }
}

/** The newest date of the self-signatures of a key and one of its parts. Milliseconds since 1970. */
function newestDate({ primary, parts }: KeyParts, wanted: KeyPart): number {
  let newest = 0;
  let head: AnyPart = primary;
  for (const part of parts) {
    if (part.kind !== 'signature') head = part;
    else if (isBySelf(part, primary) && (head.kind !== 'subkey' || head === wanted)) {
      newest = Math.max(newest, part.created * 1000);
    }
  }
  return newest;
}

/** Whether a key has no photo, no revocation, and only signatures that GnuPG makes by itself. */
function hasPlainPackets({ primary, parts }: KeyParts): boolean {
  let head: AnyPart = primary;
  return parts.every((part) => {
    if (part.kind !== 'signature') {
      head = part;
      return part.kind !== 'user' || !part.isPhoto;
    }
    const { binding, subkeyRevocation } = SIGNATURE_TYPE;
    if (part.version !== 4) return false;
    if (head.kind === 'user') return isCertification(part);
    return head.kind === 'subkey' && (part.type === binding || part.type === subkeyRevocation);
  });
}

/** Whether it makes no difference which user ID decides. */
function doUsersAgree({ primary, parts }: KeyParts): boolean {
  const newest = new Map<AnyPart, SignaturePart>();
  let head: AnyPart = primary;
  for (const part of parts) {
    if (part.kind !== 'signature') head = part;
    else if (head.kind === 'user' && isBySelf(part, primary)) {
      const known = newest.get(head);
      if (!known || part.created >= known.created) newest.set(head, part);
    }
  }
  const said = [...newest.values()].map(
    ({ keyLifetime, keyFlags }) => `${keyLifetime} ${keyFlags}`,
  );
  return new Set(said).size <= 1;
}

/** Whether there is only one way to read the self-signatures that concern a part. */
function isPlainPart({ primary, parts }: KeyParts, key: KeyPart): boolean {
  let head: AnyPart = primary;
  return parts.every((part) => {
    if (part.kind !== 'signature') head = part;
    const isOther = head.kind === 'subkey' && head !== key;
    if (part.kind !== 'signature' || isOther || !isBySelf(part, primary)) return true;
    const from = head.kind === 'subkey' ? head.created : primary.created;
    return isPlainSelfSignature(part, from) && (head.kind !== 'subkey' || isBinding(part));
  });
}

function isBinding({ type }: SignaturePart): boolean {
  return type === SIGNATURE_TYPE.binding;
}

function isPlainSelfSignature(
  { expires, keyFlags, keyLifetime }: SignaturePart,
  from: number,
): boolean {
  return expires === 0 && keyFlags !== undefined && from + keyLifetime <= LAST_SECOND;
}
