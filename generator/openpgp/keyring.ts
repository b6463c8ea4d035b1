// The keys whose signatures are accepted, as a node has them after an import.
import { createHash } from 'node:crypto';
import { formatTime } from '../terms/text.ts';
import type { KeyFacts } from './import/key-facts.ts';
import type { KeyNote } from './import/key-notes.ts';
import type { KeyLife } from './keys/key-state.ts';
import {
  type ImportedBlock,
  type ReadKey,
  type SigningKey,
  keyIdOf,
  needsGpgv,
  toSigningKeys,
} from './signing-key.ts';

/** A public key that is accepted, for reports. */
export interface KeyInfo {
  /** Of the primary key, upper-case hex. */
  readonly fingerprint: string;
  readonly userIds: readonly string[];
  /** ISO 8601, or null for a key that does not expire. */
  readonly expires: string | null;
}

/** A key or subkey in a file of which nodes do not import it. */
export interface LostKey {
  readonly kind: 'primary' | 'subkey';
  /** Upper-case hex. */
  readonly fingerprint: string;
  readonly path: string;
}

/** The keys whose signatures are accepted. */
export interface Keyring {
  /** Changes when a key does. */
  readonly id: string;
  readonly keys: readonly KeyInfo[];
  /** How all imported keys end, by fingerprint. */
  readonly lives: ReadonlyMap<string, KeyLife>;
  /** The imported keys with an OpenPGP key ID (16 lower-case hex digits), in their order. */
  readonly find: (keyId: string) => readonly SigningKey[];
  /** The primary keys and subkeys of all imported keys, in the order in which engines look through them. */
  readonly parts: readonly SigningKey[];
  /** Each of `keys` as binary OpenPGP packets, as nodes import it: built anew, from public keys alone. */
  readonly blocks: readonly Uint8Array[];
  /**
   * All keys that nodes import, in their order, also those by which no signature counts: engines may find
   * such a key first where another has the same subkey.
   */
  readonly imported: readonly ImportedBlock[];
  /** All that are imported, for gpgv. */
  readonly packets: Uint8Array;
  /** The fingerprints of keys that only gpgv can judge. */
  readonly forGpgv: readonly string[];
  /** What of the files nodes do not take, or other clients do not. */
  readonly notes: readonly KeyNote[];
  /** Keys that lie in the files, and are not imported, by key ID (16 lower-case hex digits). */
  readonly lost: ReadonlyMap<string, LostKey>;
}

/** What keyrings are made of. */
export interface KeyringParts extends Pick<Keyring, 'notes' | 'lost'> {
  /** All that are imported. */
  readonly keys: readonly ReadKey[];
}

/** Makes a keyring; another `reading` of keys has other names for it and for its keys. */
export function createKeyring({ keys: all, notes, lost }: KeyringParts, reading: string): Keyring {
  const byKeyId = new Map<string, SigningKey[]>();
  const parts = all.flatMap((read) => toSigningKeys(read, reading));
  for (const key of parts) {
    const keyId = keyIdOf(key);
    const same = byKeyId.get(keyId);
    if (same) same.push(key);
    else byKeyId.set(keyId, [key]);
  }
  const keys = all.filter(({ facts }) => facts.isValid);
  const imported = all.map(({ parts: own, bytes }) => ({ parts: own, bytes }));
  const packets = Buffer.concat(imported.map(({ bytes }) => bytes));
  return {
    id: createHash('sha256').update(reading).update(packets).digest('base64url'),
    keys: keys.map(({ facts }) => toKeyInfo(facts)),
    lives: new Map(all.map(({ facts }) => [facts.primary.key.fingerprint, toLife(facts)])),
    find: (keyId) => byKeyId.get(keyId) ?? [],
    parts,
    blocks: keys.map(({ bytes }) => bytes),
    imported,
    packets,
    forGpgv: keys.flatMap((key) => (needsGpgv(key) ? [key.facts.primary.key.fingerprint] : [])),
    notes,
    lost,
  };
}

/** Whether two keyrings have the same keys with an ID, in the same order: then engines find the same. */
export function findsSame(one: Keyring, other: Keyring, keyId: string): boolean {
  const [keys, others] = [one.find(keyId), other.find(keyId)];
  return (
    keys.length === others.length &&
    keys.every(({ fingerprint, blockId }, index) => {
      const twin = others[index];
      return twin?.fingerprint === fingerprint && twin.blockId === blockId;
    })
  );
}

function toKeyInfo({ primary, userIds }: KeyFacts): KeyInfo {
  const { key, until } = primary;
  const expires = Number.isFinite(until) ? formatTime(until) : null;
  return { fingerprint: key.fingerprint, userIds, expires };
}

function toLife({ primary, subkeys, isRevoked }: KeyFacts): KeyLife {
  const signers = [primary, ...subkeys].filter((part) => part.isSigner);
  return { isRevoked, signers: new Map(signers.map(({ key, until }) => [key.fingerprint, until])) };
}
