// What there is to say of each accepted key: until when it is good, by which of its parts, what other
// clients make of it, and which scopes name it.
import { type KeyAlgorithm, readKeyAlgorithm } from '../openpgp/keys/key-algorithm.ts';
import { type KeyObjection, listObjections } from '../openpgp/keys/key-objections.ts';
import { type IsInUse, type KeyState, formatEnd, toKeyState } from '../openpgp/keys/key-state.ts';
import { nameAlgorithms, BROKEN_HASHES } from '../openpgp/algorithms.ts';
import {
  type AnyPart,
  type KeyParts,
  SIGNATURE_TYPE,
  isBySelf,
  isCertification,
} from '../openpgp/import/key-parts.ts';
import type { KeyFacts, PartFacts } from '../openpgp/import/key-facts.ts';
import type { KeyInfo } from '../openpgp/keyring.ts';
import { readFactsAt } from '../openpgp/read-keyring.ts';
import type { Policy } from '../policy/policy.ts';
import { formatTime } from '../terms/text.ts';

/** The primary key or a subkey. */
export interface KeyPartReport {
  readonly fingerprint: string;
  readonly kind: 'primary' | 'subkey';
  readonly algorithm: KeyAlgorithm;
  /** ISO 8601. */
  readonly created: string;
  /** ISO 8601, or null if it does not expire. A subkey ends with its primary key. */
  readonly expires: string | null;
  /** Whether signatures by it count, until it expires. */
  readonly isSigner: boolean;
}

export interface KeyReport extends KeyInfo {
  readonly state: KeyState;
  readonly parts: readonly KeyPartReport[];
  /** Of the parts that sign. */
  readonly objections: readonly KeyObjection[];
  /** The names of the scopes that accept it; '' for all images that no other scope covers. */
  readonly scopes: readonly string[];
}

/** Every key that some scope accepts, as of `now`; none where no keys are configured. */
export function reportAllKeys(
  { keyring, scopes }: Pick<Policy, 'keyring' | 'scopes'>,
  isInUse: IsInUse,
  now: Date,
): readonly KeyReport[] {
  if (!keyring) return [];
  const facts = new Map(
    readFactsAt(keyring, now).map((one) => [one.primary.key.fingerprint, one] as const),
  );
  const parts = new Map(
    keyring.imported.map((one) => [one.parts.primary.fingerprint, one.parts] as const),
  );
  return keyring.keys.map((key) => {
    const life = keyring.lives.get(key.fingerprint);
    const named = [...scopes.values()].filter(({ signedBy }) =>
      signedBy.some((wanted) => wanted.keyring.lives.has(key.fingerprint)),
    );
    return {
      ...key,
      expires: formatEnd(key, life, isInUse),
      state: toKeyState(key, life, now, isInUse),
      ...describeParts(facts.get(key.fingerprint), parts.get(key.fingerprint)),
      scopes: named.map(({ name }) => name),
    };
  });
}

function describeParts(
  facts: KeyFacts | undefined,
  whole: KeyParts | undefined,
): Pick<KeyReport, 'parts' | 'objections'> {
  if (!facts) return { parts: [], objections: [] };
  const parts = [facts.primary, ...facts.subkeys].map((part) => toPartReport(part, facts));
  const signing = parts.filter(({ isSigner }) => isSigner);
  const objections = (signing.length > 0 ? signing : parts.slice(0, 1)).flatMap((part) =>
    listObjections({ ...part.algorithm, brokenHash: whole && findBrokenHash(whole, part) }),
  );
  return {
    parts,
    objections: [...new Map(objections.map((one) => [one.message, one])).values()],
  };
}

/** The hash of the self-signatures that a part is good by, where all on user IDs or its own have a broken one. */
function findBrokenHash(
  { primary, parts }: KeyParts,
  { fingerprint }: KeyPartReport,
): string | undefined {
  const onUsers: string[] = [];
  const onPart: string[] = [];
  let head: AnyPart = primary;
  for (const part of parts) {
    if (part.kind !== 'signature') head = part;
    else if (isBySelf(part, primary)) {
      const { publicKeyAlgorithm, hashAlgorithm, type } = part;
      const { hash } = nameAlgorithms(publicKeyAlgorithm, hashAlgorithm, undefined);
      if (isCertification(part)) onUsers.push(hash);
      const isOwn = head.kind === 'subkey' && head.fingerprint === fingerprint;
      if (isOwn && type === SIGNATURE_TYPE.binding) onPart.push(hash);
    }
  }
  const broken = [onUsers, onPart].find((hashes) => hashes.length > 0 && hashes.every(isBroken));
  return broken?.[0];
}

function isBroken(hash: string): boolean {
  return BROKEN_HASHES.has(hash);
}

function toPartReport({ key, until, isSigner }: PartFacts, { isRevoked }: KeyFacts): KeyPartReport {
  return {
    fingerprint: key.fingerprint,
    kind: key.kind,
    algorithm: readKeyAlgorithm(key),
    created: formatTime(key.created * 1000),
    expires: Number.isFinite(until) ? formatTime(until) : null,
    isSigner: isSigner && !isRevoked,
  };
}
