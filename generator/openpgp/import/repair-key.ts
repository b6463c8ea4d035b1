// What GnuPG puts in order before it judges a key (g10/import.c: collapse_uids; g10/key-check.c:
// key_check_all_keysigs, both of 2.2.40): user IDs that come twice, signatures that come twice, and
// self-signatures that lie in the wrong place.
import type { KeyPart } from './key-part.ts';
import {
  type KeyParts,
  type AnyPart,
  SIGNATURE_TYPE,
  haveSameIntegers,
  isBySelf,
  isSameSignature,
  isSameUser,
} from './key-parts.ts';
import type { SignaturePart } from './signature-part.ts';
import type { PartVerifier } from './verify-part.ts';

/** Finds a primary key that is in the keyring already. */
export type FindPrimary = (keyId: string) => KeyPart | undefined;

/** A key in the order in which GnuPG keeps it. */
export function repairKey(
  { primary, parts }: KeyParts,
  verifier: PartVerifier,
  findOther: FindPrimary,
): KeyParts {
  const distinct = removeDuplicates(collapseUsers(parts));
  const { ordered, isMoved } = reorder({ primary, parts: distinct }, verifier, findOther);
  return { primary, parts: isMoved ? removeDuplicates(ordered) : ordered };
}

/** Moves what belongs to a user ID that is there already behind the first. */
function collapseUsers(parts: readonly AnyPart[]): readonly AnyPart[] {
  const sections = toSections(parts);
  const kept: Section[] = [];
  for (const section of sections) {
    const [head] = section.parts;
    const same =
      head?.kind === 'user'
        ? kept.find(({ parts: [other] }) => other?.kind === 'user' && isSameUser(other, head))
        : undefined;
    if (!same) kept.push(section);
    else {
      const [first, ...rest] = same.parts;
      const added = section.parts.slice(1);
      same.parts = first ? [first, ...distinctOf([...added, ...rest])] : same.parts;
    }
  }
  return kept.flatMap((section) => section.parts);
}

interface Section {
  parts: readonly AnyPart[];
}

/** A primary key, user ID or subkey, each with the signatures behind it. */
function toSections(parts: readonly AnyPart[]): Section[] {
  const sections: Section[] = [];
  for (const part of parts) {
    const last = sections.at(-1);
    if (part.kind === 'signature' && last) last.parts = [...last.parts, part];
    else sections.push({ parts: [part] });
  }
  return sections;
}

/** Of signatures that GnuPG holds for the same, the first. */
function distinctOf(parts: readonly AnyPart[]): readonly AnyPart[] {
  const kept: AnyPart[] = [];
  for (const part of parts) {
    const isKnown =
      part.kind === 'signature' &&
      kept.some((other) => other.kind === 'signature' && isSameSignature(other, part));
    if (!isKnown) kept.push(part);
  }
  return kept;
}

/** Of equal signatures below the same part, the last stays. */
function removeDuplicates(parts: readonly AnyPart[]): readonly AnyPart[] {
  const sections = toSections(parts);
  return sections.flatMap(({ parts: section }) => {
    const seen = new Map<string, SignaturePart[]>();
    const kept = section.toReversed().filter((part) => {
      if (part.kind !== 'signature') return true;
      const name = `${part.hashAlgorithm} ${Buffer.from(part.integers[0] ?? []).toString('base64')}`;
      const others = seen.get(name) ?? [];
      if (others.some((other) => haveSameIntegers(other, part))) return false;
      seen.set(name, [...others, part]);
      return true;
    });
    return kept.toReversed();
  });
}

type Component = Exclude<AnyPart, SignaturePart>;

/**
 * Self-signatures go behind the part that they sign. So do all others of keys that are there, but
 * only revocations of such matter here.
 */
function reorder({ primary, parts }: KeyParts, verifier: PartVerifier, findOther: FindPrimary) {
  const ordered = [...parts];
  let isMoved = false;
  let current: Component = primary;
  for (const part of parts) {
    if (part.kind !== 'signature') {
      current = part;
      continue;
    }
    const isRevocation = part.type === SIGNATURE_TYPE.keyRevocation;
    const signer = isBySelf(part, primary) ? primary : isRevocation && findOther(part.issuer);
    if (!signer || verifier.verify(part, signer, primary, current) !== 'bad') continue;
    const signed = ordered.find(
      (other) =>
        other.kind !== 'signature' && verifier.verify(part, signer, primary, other) === 'good',
    );
    if (!signed || signed === current) continue;
    ordered.splice(ordered.indexOf(part), 1);
    ordered.splice(ordered.indexOf(signed) + 1, 0, part);
    isMoved = true;
  }
  return { ordered, isMoved };
}
