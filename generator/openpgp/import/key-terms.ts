// What an imported key says of itself at a time: whether it is good, until when, and what for
// (g10/getkey.c of 2.2.40: merge_selfsigs_main, fixup_uidnode, merge_selfsigs_subkey).
import { ALGORITHM, type KeyPart } from './key-part.ts';
import {
  type KeyParts,
  type AnyPart,
  SIGNATURE_TYPE,
  type UserPart,
  concernsUser,
  isBySelf,
  signaturesBeforeUsers,
} from './key-parts.ts';
import type { SignaturePart } from './signature-part.ts';
import type { PartVerifier } from './verify-part.ts';

/** The terms of a key or subkey at a time. Times are seconds since 1970. */
export interface PartTerms {
  readonly key: KeyPart;
  /** Whether a self-signature makes it one; with an invalid primary key nothing is valid. */
  readonly isValid: boolean;
  readonly isRevoked: boolean;
  /** It is good up to and with that second; 0 for ever. A subkey's does not look at its primary. */
  readonly expires: number;
  /** Whether it may sign data. */
  readonly maySign: boolean;
  /** Of a subkey: whether it signed that it belongs to the key. */
  readonly isCrossCertified: boolean;
  /** Whether the algorithm of the deciding signature, or the key, could be computed here. */
  readonly isCertain: boolean;
}

export interface KeyTimeTerms {
  readonly primary: PartTerms;
  readonly subkeys: readonly PartTerms[];
  /** A designated revoker's key is absent. */
  readonly isMaybeRevoked: boolean;
}

/** What decides besides the key itself. */
export interface TermsContext {
  readonly verifier: PartVerifier;
  /** Finds any primary key of the keyring. */
  readonly findOther: FindImported;
  /** Seconds since 1970. */
  readonly now: number;
}

/** Finds an imported key by the ID of its primary key (lower-case hex). */
export type FindImported = (keyId: string) => KeyParts | undefined;

const SIGN = 0x02;
const SIGNING_ALGORITHMS: ReadonlySet<number> = new Set([
  ALGORITHM.rsa,
  ALGORITHM.rsaSign,
  ALGORITHM.dsa,
  ALGORITHM.ecdsa,
  ALGORITHM.eddsa,
]);
const { directKey, keyRevocation, subkeyRevocation, binding } = SIGNATURE_TYPE;
/** GnuPG adds times in 32 bits. */
const WRAP = 2 ** 32;

/** The terms of a key as of `context.now`. */
export function readTermsAt(key: KeyParts, context: TermsContext): KeyTimeTerms {
  const sections = toTermSections(key);
  const [own] = sections;
  const { direct, claims, isValid } = readCertifications(key.primary, sections, context);
  const revocation = findRevocation(key, own?.signatures ?? [], context);
  const counting = claims.flatMap(({ signature, counts }) => (counts ? [signature] : []));
  const flags =
    direct?.keyFlags ?? newest(counting, ({ keyFlags }) => keyFlags !== undefined)?.keyFlags;
  const lifetime =
    direct?.keyLifetime || newest(counting, (one) => one.keyLifetime > 0)?.keyLifetime;
  const primary: PartTerms = {
    key: key.primary,
    isValid,
    isRevoked: revocation === 'revoked',
    expires: lifetime ? (key.primary.created + lifetime) % WRAP : 0,
    maySign: maySign(key.primary, flags),
    isCrossCertified: true,
    isCertain: revocation !== 'unknown' && isCertainIn(key, context),
  };
  const subkeys = sections.flatMap(({ head, signatures }) =>
    head.kind === 'subkey' ? [readSubkey(head, signatures, primary, context)] : [],
  );
  return { primary, subkeys, isMaybeRevoked: revocation === 'absent' };
}

/** Whether nodes take an imported key for one as of `context.now`: something certifies it. */
export function isCertifiedAt(
  key: KeyParts,
  context: Pick<TermsContext, 'verifier' | 'now'>,
): boolean {
  return readCertifications(key.primary, toTermSections(key), context).isValid;
}

function readCertifications(
  primary: KeyPart,
  sections: readonly TermSection[],
  context: Pick<TermsContext, 'verifier' | 'now'>,
) {
  const firstSubkey = sections.findIndex(({ head }) => head.kind === 'subkey');
  const seen = firstSubkey < 0 ? sections : sections.slice(0, firstSubkey);
  const direct = newestDirect(sections[0]?.signatures ?? [], primary, context);
  const claims = seen.flatMap(({ head, signatures }) =>
    head.kind === 'user' ? readUser(head, signatures, primary, context) : [],
  );
  const isFuture = primary.created > context.now;
  return { direct, claims, isValid: !isFuture && (direct !== undefined || claims.length > 0) };
}

interface TermSection {
  readonly head: Exclude<AnyPart, SignaturePart>;
  readonly signatures: SignaturePart[];
}

function toTermSections({ parts }: KeyParts): readonly TermSection[] {
  const sections: TermSection[] = [];
  for (const part of parts) {
    if (part.kind === 'signature') sections.at(-1)?.signatures.push(part);
    else sections.push({ head: part, signatures: [] });
  }
  return sections;
}

function isGood(
  signature: SignaturePart,
  primary: KeyPart,
  part: AnyPart,
  { verifier }: Pick<TermsContext, 'verifier'>,
): boolean {
  return isBySelf(signature, primary) && verifier.verifySelf(signature, primary, part) !== 'bad';
}

/** Whether all self-signatures can be computed here. */
function isCertainIn({ primary, parts }: KeyParts, { verifier }: TermsContext): boolean {
  let head: AnyPart = primary;
  return parts.every((part) => {
    if (part.kind !== 'signature') head = part;
    return (
      part.kind !== 'signature' ||
      !isBySelf(part, primary) ||
      verifier.verifySelf(part, primary, head) !== 'unknown'
    );
  });
}

function hasEnded({ expires }: SignaturePart, now: number): boolean {
  return expires !== 0 && expires <= now;
}

/** Of the same second, the last in the file. */
function latest(signatures: readonly SignaturePart[]): SignaturePart | undefined {
  let found: SignaturePart | undefined;
  for (const signature of signatures) {
    if (!found || signature.created >= found.created) found = signature;
  }
  return found;
}

/** Of the same second, the first user ID. */
function newest(
  signatures: readonly SignaturePart[],
  hasIt: (signature: SignaturePart) => boolean,
): SignaturePart | undefined {
  let found: SignaturePart | undefined;
  for (const signature of signatures.filter(hasIt)) {
    if (!found || signature.created > found.created) found = signature;
  }
  return found;
}

function newestDirect(
  signatures: readonly SignaturePart[],
  primary: KeyPart,
  context: Pick<TermsContext, 'verifier' | 'now'>,
): SignaturePart | undefined {
  return latest(
    signatures.filter(
      (one) =>
        one.type === directKey &&
        isGood(one, primary, primary, context) &&
        !hasEnded(one, context.now),
    ),
  );
}

/** The deciding signature of a user ID; it counts unless it revokes, or has ended. */
function readUser(
  user: UserPart,
  signatures: readonly SignaturePart[],
  primary: KeyPart,
  context: Pick<TermsContext, 'verifier' | 'now'>,
) {
  const good = signatures.filter((one) => concernsUser(one) && isGood(one, primary, user, context));
  const signature = latest(good);
  if (!signature) return [];
  const isRevoked = signature.type === SIGNATURE_TYPE.userRevocation;
  return [{ signature, counts: !isRevoked && !hasEnded(signature, context.now) }];
}

function maySign({ algorithm }: KeyPart, flags: number | undefined): boolean {
  return SIGNING_ALGORITHMS.has(algorithm) && (flags === undefined || (flags & SIGN) !== 0);
}

type Revocation = 'revoked' | 'none' | 'absent' | 'unknown';

function isRevocation({ type }: SignaturePart): boolean {
  return type === keyRevocation;
}

/** Its own revocations count in front of all else, those by others up to the first user ID. */
function findRevocation(
  { primary, parts }: KeyParts,
  signatures: readonly SignaturePart[],
  context: TermsContext,
): Revocation {
  const own = signatures.filter(isRevocation);
  if (own.some((one) => isGood(one, primary, primary, context))) return 'revoked';
  const designated = signatures
    .filter((one) => one.type === directKey && isGood(one, primary, primary, context))
    .flatMap(({ revokers }) => revokers);
  let found: Revocation = 'none';
  for (const revocation of signaturesBeforeUsers(parts).filter(isRevocation)) {
    const isByRevoker = designated.some((one) => one.endsWith(revocation.issuer));
    if (!isByRevoker || revocation.issuer === '') continue;
    const other = context.findOther(revocation.issuer);
    // A key that nothing certifies revokes nothing either.
    if (!other || !isCertifiedAt(other, context)) {
      found = 'absent';
      continue;
    }
    const revoker = other.primary;
    if (revocation.created < revoker.created || revoker.created > context.now) continue;
    const verdict = context.verifier.verify(revocation, revoker, primary, primary);
    if (verdict === 'good') return 'revoked';
    if (verdict === 'unknown') found = 'unknown';
  }
  return found;
}

function readSubkey(
  key: KeyPart,
  signatures: readonly SignaturePart[],
  primary: PartTerms,
  context: TermsContext,
): PartTerms {
  const good = signatures.filter((one) => isGood(one, primary.key, key, context));
  const bound = latest(good.filter((one) => one.type === binding && !hasEnded(one, context.now)));
  const lifetime = bound?.keyLifetime ?? 0;
  const crossed = bound ? isCrossCertified(bound, key, primary.key, context) : 'bad';
  return {
    key,
    isValid: primary.isValid && bound !== undefined,
    isRevoked: primary.isRevoked || good.some(({ type }) => type === subkeyRevocation),
    expires: lifetime === 0 ? 0 : (key.created + lifetime) % WRAP,
    maySign: bound !== undefined && maySign(key, bound.keyFlags),
    isCrossCertified: crossed !== 'bad',
    isCertain: primary.isCertain && crossed !== 'unknown',
  };
}

function isCrossCertified(
  { back: found }: SignaturePart,
  key: KeyPart,
  primary: KeyPart,
  { verifier, now }: TermsContext,
) {
  if (!found || found.created < key.created || key.created > now) return 'bad';
  return verifier.verify(found, key, primary, primary);
}
