// Keyrings as Go reads them (x/crypto/openpgp, keys.go). A key that Go cannot read takes the one in front of it
// along, and an error of another kind the whole file.
import { GoFault, catchFault } from './go-fault.ts';
import { type GoPublicKey, isSigningAlgorithm, verifyGoSignature } from './go-public-key.ts';
import { type GoSignature, type GoSubpackets, GO_SIGNATURE_TYPE } from './go-signature.ts';
import { type GoPacket, PacketReader } from './packet-reader.ts';

/** A key with what belongs to it. */
export interface GoEntity {
  readonly primary: GoPublicKey;
  /** By user ID, as bytes in latin1. */
  readonly identities: ReadonlyMap<string, GoSignature>;
  readonly subkeys: readonly GoSubkey[];
  readonly isRevoked: boolean;
}

export interface GoSubkey {
  readonly key: GoPublicKey;
  readonly binding: GoSignature;
}

/** What Go reads of a keyring. */
export interface GoKeyring {
  readonly entities: readonly GoEntity[];
  /** Why keys were passed over. */
  readonly passedOver: readonly PassedOver[];
}

export interface PassedOver {
  readonly reason: string;
  /** Of the key that was lost, if Go had read as much; upper-case hex. */
  readonly fingerprint: string | undefined;
}

/** A key by which a message may be signed. */
export interface GoSigner {
  readonly key: GoPublicKey;
  readonly entity: GoEntity;
}

const KEY_FLAG_SIGN = 0x02;

/**
 * Reads binary packets.
 * @throws GoFault where Go gives up the whole file.
 */
export function readGoKeyring(bytes: Uint8Array, fault?: GoFault): GoKeyring {
  const packets = new PacketReader(bytes, fault);
  const entities: GoEntity[] = [];
  const passedOver: PassedOver[] = [];
  for (;;) {
    const reader = new EntityReader(packets);
    const entity = catchFault(() => reader.read());
    if (entity === undefined) return { entities, passedOver };
    if (!(entity instanceof GoFault)) {
      entities.push(entity);
      continue;
    }
    if (entity.kind !== 'unsupported' && entity.kind !== 'structural') throw entity;
    passedOver.push({ reason: entity.message, fingerprint: reader.fingerprint });
    if (!skipToPrimary(packets)) return { entities, passedOver };
  }
}

/** Goes on to the next primary key; false at the end. */
function skipToPrimary(packets: PacketReader): boolean {
  for (;;) {
    const packet = catchFault(() => packets.next());
    if (packet === undefined) return false;
    if (packet instanceof GoFault) {
      if (packet.kind !== 'unsupported') throw packet;
    } else if (packet.kind === 'public-key' && !packet.isSubkey) {
      packets.putBack(packet);
      return true;
    }
  }
}

/** Reads one key. */
class EntityReader {
  readonly #packets: PacketReader;
  #primary: GoPublicKey | undefined;

  constructor(packets: PacketReader) {
    this.#packets = packets;
  }

  /** Of the primary key, as far as that was read. */
  get fingerprint(): string | undefined {
    return this.#primary?.fingerprint;
  }

  /** Undefined at the end. */
  read(): GoEntity | undefined {
    const first = this.#packets.next();
    if (!first) return undefined;
    if (first.kind !== 'public-key') {
      this.#packets.putBack(first);
      throw new GoFault('structural', 'first packet was not a public/private key');
    }
    this.#primary = first.key;
    if (!isSigningAlgorithm(first.key.algorithm)) {
      throw new GoFault('structural', 'primary key cannot be used for signatures');
    }
    return this.#readParts(first.key);
  }

  #readParts(primary: GoPublicKey): GoEntity {
    const identities = new Map<string, GoSignature>();
    const subkeys: GoSubkey[] = [];
    const revocations: GoSignature[] = [];
    for (let packet = this.#packets.next(); packet; packet = this.#packets.next()) {
      if (packet.kind === 'user-id') this.#readUserId(primary, packet.id, identities);
      else if (packet.kind === 'signature') {
        if (packet.signature.type === GO_SIGNATURE_TYPE.keyRevocation && isVersion4(packet)) {
          revocations.push(packet.signature);
        }
      } else if (packet.kind === 'public-key') {
        if (!packet.isSubkey) {
          this.#packets.putBack(packet);
          break;
        }
        subkeys.push(this.#readSubkey(primary, packet.key));
      }
    }
    if (identities.size === 0) throw new GoFault('structural', 'entity without any identities');
    for (const revocation of revocations) {
      const fault = findFault(primary, primary.framed, revocation);
      if (fault) throw new GoFault('structural', 'revocation signature signed by alternate key');
    }
    return { primary, identities, subkeys, isRevoked: revocations.length > 0 };
  }

  #readUserId(primary: GoPublicKey, id: Uint8Array, into: Map<string, GoSignature>): void {
    const header = Buffer.from([0xb4, 0, 0, 0, 0]);
    header.writeUInt32BE(id.length, 1);
    const signed = Buffer.concat([primary.framed, header, id]);
    for (const signature of this.#signaturesThatFollow()) {
      const { type, subpackets } = signature;
      const isOwn =
        type === GO_SIGNATURE_TYPE.positiveCertification ||
        type === GO_SIGNATURE_TYPE.genericCertification;
      if (!isOwn || subpackets.issuer !== primary.keyId) continue;
      const fault = findFault(primary, signed, signature);
      if (fault) {
        throw new GoFault('structural', `user ID self-signature invalid: ${fault.message}`);
      }
      into.set(Buffer.from(id).toString('latin1'), signature);
    }
  }

  #readSubkey(primary: GoPublicKey, key: GoPublicKey): GoSubkey {
    let binding: GoSignature | undefined;
    const follow = catchFault(() => {
      for (const signature of this.#signaturesThatFollow()) {
        checkBinding(primary, key, signature);
        if (replaces(binding, signature)) binding = signature;
      }
    });
    if (follow instanceof GoFault) {
      throw new GoFault('structural', `subkey signature invalid: ${follow.message}`);
    }
    if (!binding) throw new GoFault('structural', 'subkey packet not followed by signature');
    return { key, binding };
  }

  /** Those of version 4: any other packet ends them, and is read again. */
  *#signaturesThatFollow(): Generator<GoSignature> {
    for (let packet = this.#packets.next(); packet; packet = this.#packets.next()) {
      if (packet.kind !== 'signature' || !isVersion4(packet)) {
        this.#packets.putBack(packet);
        return;
      }
      yield packet.signature;
    }
  }
}

function isVersion4({ signature }: Extract<GoPacket, { kind: 'signature' }>): boolean {
  return signature.version === 4;
}

function checkBinding(primary: GoPublicKey, key: GoPublicKey, signature: GoSignature): void {
  const { type, subpackets } = signature;
  if (type !== GO_SIGNATURE_TYPE.subkeyBinding && type !== GO_SIGNATURE_TYPE.subkeyRevocation) {
    throw new GoFault('structural', 'subkey signature with wrong type');
  }
  const signed = Buffer.concat([primary.framed, key.framed]);
  const fault = findFault(primary, signed, signature);
  if (fault) throw fault;
  if (((subpackets.keyFlags ?? 0) & KEY_FLAG_SIGN) === 0) return;
  const { embedded } = subpackets;
  if (!embedded) throw new GoFault('structural', 'signing subkey is missing cross-signature');
  const crossFault = findFault(key, signed, embedded);
  if (crossFault) throw crossFault;
}

/** A revocation stands, and among bindings the newest. */
function replaces(existing: GoSignature | undefined, candidate: GoSignature): boolean {
  if (candidate.type === GO_SIGNATURE_TYPE.subkeyRevocation || !existing) return true;
  if (existing.type === GO_SIGNATURE_TYPE.subkeyRevocation) return false;
  return candidate.createdAt > existing.createdAt;
}

function findFault(key: GoPublicKey, data: Uint8Array, signature: GoSignature) {
  const { hashName } = signature;
  if (hashName === undefined) return new GoFault('unsupported', 'hash function');
  const result = catchFault(() => verifyGoSignature(key, data, hashName, signature));
  return result instanceof GoFault ? result : undefined;
}

/**
 * The keys that may have made a signature by a key ID (16 lower-case hex digits), in Go's order. Where Go's choice
 * between several user IDs is by chance, the key must do under each.
 */
export function findSigners(entities: readonly GoEntity[], keyId: string): readonly GoSigner[] {
  return entities.flatMap((entity) => {
    if (entity.isRevoked) return [];
    const found: GoSigner[] = [];
    const { primary, subkeys } = entity;
    if (primary.keyId === keyId && selfSignaturesOf(entity).every(maySign)) {
      found.push({ key: primary, entity });
    }
    for (const { key, binding } of subkeys) {
      if (key.keyId === keyId && maySign(binding.subpackets)) found.push({ key, entity });
    }
    return found;
  });
}

function selfSignaturesOf({ identities }: GoEntity): readonly GoSubpackets[] {
  const all = [...identities.values()].map(({ subpackets }) => subpackets);
  const primary = all.filter(({ isPrimary }) => isPrimary === true);
  return primary.length > 0 ? primary : all;
}

function maySign({ keyFlags, hasRevocationReason }: GoSubpackets): boolean {
  const isAllowed = keyFlags === undefined || (keyFlags & KEY_FLAG_SIGN) !== 0;
  return isAllowed && hasRevocationReason !== true;
}
