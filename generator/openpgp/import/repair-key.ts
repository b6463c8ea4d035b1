// What GnuPG puts in order before it judges a key (g10/import.c: collapse_uids; g10/key-check.c:
// key_check_all_keysigs, both of 2.2.40): user IDs that come twice, signatures that come twice, and
// self-signatures that lie in the wrong place.
import type { KeyPart } from './key-part.ts';
import { type KeyParts, type AnyPart, SIGNATURE_TYPE, isBySelf } from './key-parts.ts';
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
  const kept: Section[] = [];
  const users = new Map<string, Section[]>();
  for (const section of toSections(parts)) {
    const { head } = section;
    if (head.kind !== 'user') {
      kept.push(section);
      continue;
    }
    const name = `${head.isPhoto} ${Buffer.from(head.body).toString('latin1')}`;
    const same = users.get(name);
    if (same) same.push(section);
    else {
      users.set(name, [section]);
      kept.push(section);
    }
  }
  const collapsed = new Map([...users.values()].map((same) => [same[0], collapse(same)]));
  return kept.flatMap((section) => {
    const head: readonly AnyPart[] = [section.head];
    return head.concat(collapsed.get(section) ?? section.rest);
  });
}

/** The last section comes first. */
function collapse(sections: readonly Section[]): readonly AnyPart[] {
  const all = sections.toReversed().flatMap(({ rest }) => rest);
  return sections.length > 1 ? distinctOf(all) : all;
}

/** A primary key, user ID or subkey, with the signatures behind it. */
interface Section {
  readonly head: AnyPart;
  readonly rest: SignaturePart[];
}

function toSections(parts: readonly AnyPart[]): readonly Section[] {
  const sections: Section[] = [];
  for (const part of parts) {
    const last = sections.at(-1);
    if (part.kind === 'signature' && last) last.rest.push(part);
    else sections.push({ head: part, rest: [] });
  }
  return sections;
}

/** Of signatures that GnuPG holds for the same, the first. */
function distinctOf(signatures: readonly SignaturePart[]): readonly SignaturePart[] {
  const seen = new Set<string>();
  return signatures.filter((signature) => {
    const name = `${signature.issuer} ${signature.publicKeyAlgorithm} ${nameIntegers(signature)}`;
    return !seen.has(name) && seen.add(name);
  });
}

function nameIntegers({ integers }: SignaturePart): string {
  return integers.map((integer) => Buffer.from(integer).toString('base64')).join();
}

/** Of equal signatures below the same part, the last stays. */
function removeDuplicates(parts: readonly AnyPart[]): readonly AnyPart[] {
  return toSections(parts).flatMap(({ head, rest }) => {
    const seen = new Set<string>();
    const kept = rest.toReversed().filter((part) => {
      const name = `${part.hashAlgorithm} ${nameIntegers(part)}`;
      return !seen.has(name) && seen.add(name);
    });
    const first: readonly AnyPart[] = [head];
    return first.concat(kept.toReversed());
  });
}

type Component = Exclude<AnyPart, SignaturePart>;

/**
 * Self-signatures go behind the part that they sign. So do all others of keys that are there, but
 * only revocations of such matter here.
 */
function reorder({ primary, parts }: KeyParts, verifier: PartVerifier, findOther: FindPrimary) {
  const ordered = [...parts];
  const components = parts.filter((part) => part.kind !== 'signature');
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
    const signed = components.find(
      (other) => verifier.verify(part, signer, primary, other) === 'good',
    );
    if (!signed || signed === current) continue;
    ordered.splice(ordered.indexOf(part), 1);
    ordered.splice(ordered.indexOf(signed) + 1, 0, part);
    isMoved = true;
  }
  return { ordered, isMoved };
}
