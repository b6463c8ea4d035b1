// The same key again (g10/import.c of 2.2.40: merge_blocks): what GnuPG adds to what it has, and
// where. Nothing is judged anew.
import {
  type KeyParts,
  type AnyPart,
  SIGNATURE_TYPE,
  concernsSubkey,
  isSameKey,
  isSameSignature,
  isSameUser,
  signaturesBeforeUsers,
} from './key-parts.ts';
import type { SignaturePart } from './signature-part.ts';

/** A primary key, user ID or subkey, with the signatures behind it. */
interface Component {
  readonly head: Exclude<AnyPart, SignaturePart>;
  readonly signatures: SignaturePart[];
}

/** A key with what another copy of it adds. */
export function mergeKey(known: KeyParts, again: KeyParts): KeyParts {
  const merged = toComponents(known);
  const added = toComponents(again);
  const before = new Set(merged);
  mergeOwn(merged, known, again);
  for (const one of added.slice(1)) {
    const same = merged.find(({ head }) => isSame(head, one.head));
    if (!same) insert(merged, one);
    else if (before.has(same)) addSignatures(same, one.signatures);
  }
  const parts: AnyPart[] = [];
  for (const { head, signatures } of merged) parts.push(head, ...signatures);
  return { primary: known.primary, parts };
}

function toComponents({ parts }: KeyParts): Component[] {
  const components: Component[] = [];
  for (const part of parts) {
    const last = components.at(-1);
    if (part.kind !== 'signature') components.push({ head: part, signatures: [] });
    else last?.signatures.push(part);
  }
  return components;
}

function isSame(one: Component['head'], other: Component['head']): boolean {
  if (one.kind === 'user' && other.kind === 'user') return isSameUser(one, other);
  return one.kind === 'subkey' && other.kind === 'subkey' && isSameKey(one, other);
}

/** Revocations and direct signatures go in front of those that are there. */
function mergeOwn([own]: readonly Component[], known: KeyParts, again: KeyParts): void {
  if (!own) return;
  const before = signaturesBeforeUsers(known.parts);
  const others = signaturesBeforeUsers(again.parts);
  for (const type of [SIGNATURE_TYPE.keyRevocation, SIGNATURE_TYPE.directKey]) {
    const same = before.filter((one) => one.type === type);
    for (const signature of others) {
      if (signature.type !== type || same.some((one) => isSameSignature(one, signature))) continue;
      same.push(signature);
      own.signatures.unshift(signature);
    }
  }
}

/** Behind those that are there; of a subkey only what is newer than all of its kind. */
function addSignatures(known: Component, signatures: readonly SignaturePart[]): void {
  const isSubkey = known.head.kind === 'subkey';
  for (const signature of signatures) {
    if (!isSubkey && concernsSubkey(signature)) continue;
    const isKnown = known.signatures.some((other) =>
      isSubkey ? isNewer(other, signature) : isSameSignature(other, signature),
    );
    if (!isKnown) known.signatures.push(signature);
  }
}

function isNewer(one: SignaturePart, other: SignaturePart): boolean {
  return one.issuer === other.issuer && one.type === other.type && other.created <= one.created;
}

/** User IDs in front of all subkeys. */
function insert(components: Component[], component: Component): void {
  const at = components.findIndex(({ head }) => head.kind === 'subkey');
  if (component.head.kind === 'user' && at >= 0) components.splice(at, 0, component);
  else components.push(component);
}
