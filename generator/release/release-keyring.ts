// The keys that sign releases, as the cluster-version operator and oc-mirror load them: by Go's x/crypto/openpgp,
// which knows fewer kinds of keys than nodes do.
import { hash } from 'node:crypto';
import {
  type KeyFile,
  KeyFileError,
  listKeyParts,
  refusePrivateKey,
} from '../openpgp/keys/key-file.ts';
import { toLine } from '../terms/text.ts';
import { type GoArmor, readGoArmor } from './go-openpgp/go-armor.ts';
import { GoFault, catchFault } from './go-openpgp/go-fault.ts';
import { type GoEntity, type GoKeyring, readGoKeyring } from './go-openpgp/go-keyring.ts';

/** Something that a client of releases does not take, although the keyring can be used. */
export interface ReleaseKeyWarning {
  readonly code: 'lost-key' | 'revoked-key' | 'second-block' | 'binary-keyring';
  readonly message: string;
}

/** A keyring: one `verifier-public-key-…` of the cluster-version operator. */
export interface ReleaseKeyring {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** SHA-256 of the file, base64url: another file has another. */
  readonly id: string;
  readonly keys: readonly ReleaseKey[];
  readonly warnings: readonly ReleaseKeyWarning[];
  /** For `judgeRelease`. */
  readonly entities: readonly GoEntity[];
  /** Whether oc-mirror loads it: it reads armor only. */
  readonly isArmored: boolean;
}

/** A key that the clients of releases have loaded. */
export interface ReleaseKey {
  /** Of the primary key, upper-case hex. */
  readonly fingerprint: string;
  readonly userIds: readonly string[];
}

const PUBLIC_BLOCK = 'PGP PUBLIC KEY BLOCK';
const GO_KEY_TYPES: ReadonlySet<string> = new Set([PUBLIC_BLOCK, 'PGP PRIVATE KEY BLOCK']);
/** What Go's library reads, for hints. */
const KNOWN_KEYS =
  'The cluster-version operator and oc-mirror read RSA, DSA and NIST-curve keys only, without Ed25519 or Curve25519 subkeys';
const EXPORT = 'export them together: `gpg --export --armor KEY1 KEY2 > release.asc`';

/**
 * Reads a keyring as the cluster-version operator does: the first armor block of the file, or binary packets.
 * @throws KeyFileError where it cannot load the file, which fails each verification; for private keys too.
 */
export function readReleaseKeyring(file: KeyFile): ReleaseKeyring {
  const refusal = refusePrivateKey(file);
  if (refusal) throw refusal;
  const armor = readGoArmor(file.bytes);
  const armored = armor && GO_KEY_TYPES.has(armor.type) ? loadArmor(armor) : undefined;
  const loaded =
    armored === undefined || armored instanceof GoFault
      ? catchFault(() => readGoKeyring(file.bytes))
      : armored;
  if (loaded instanceof GoFault) throw explain(file, armored ?? loaded);
  if (loaded.entities.length === 0) throw explain(file, noKeys(loaded));
  const isArmored = loaded === armored;
  return {
    path: file.path,
    bytes: file.bytes,
    id: hash('sha256', file.bytes, 'base64url'),
    keys: loaded.entities.map(toReleaseKey),
    warnings: [...warnOfArmor(file, isArmored ? armor : undefined), ...warnOfKeys(file, loaded)],
    entities: loaded.entities,
    isArmored,
  };
}

function loadArmor({ bytes, fault }: GoArmor): GoKeyring | GoFault {
  return catchFault(() => readGoKeyring(bytes, fault));
}

function noKeys({ passedOver }: GoKeyring): GoFault {
  const reasons = [...new Set(passedOver.map(({ reason }) => reason))];
  return new GoFault('unsupported', reasons.length > 0 ? reasons.join('; ') : 'it holds no key');
}

function explain({ path }: KeyFile, fault: object): KeyFileError {
  const why = fault instanceof GoFault ? `: ${toLine(fault.message)}` : '';
  const message = `${path}: expected a keyring that the cluster-version operator can load, got none${why}`;
  return new KeyFileError(message, { hint: `${KNOWN_KEYS}: leave others out, and ${EXPORT}.` });
}

function toReleaseKey({ primary, identities }: GoEntity): ReleaseKey {
  const userIds = [...identities.keys()].map((id) => Buffer.from(id, 'latin1').toString());
  return { fingerprint: primary.fingerprint, userIds };
}

function warnOfArmor({ path }: KeyFile, armor: GoArmor | undefined): readonly ReleaseKeyWarning[] {
  if (!armor) {
    const message = `${path}: the keyring is binary, and oc-mirror reads armor only: \`gpg --enarmor\` makes another label, so export it with \`gpg --export --armor\``;
    return [{ code: 'binary-keyring', message }];
  }
  if (!armor.isFollowed) return [];
  const message = `${path}: the file has several armor blocks, and only the first one is read; ${EXPORT}`;
  return [{ code: 'second-block', message }];
}

/** Keys of the file that are not there once it is loaded, and those that count for nothing. */
function warnOfKeys(
  file: KeyFile,
  { entities, passedOver }: GoKeyring,
): readonly ReleaseKeyWarning[] {
  const loaded = new Set(entities.map(({ primary }) => primary.fingerprint));
  const reasons = [...new Set(passedOver.map(({ reason }) => reason))].join('; ');
  const why = reasons === '' ? '' : ` (${toLine(reasons)})`;
  const lost = listKeyParts(file)
    .filter(({ kind, fingerprint }) => kind === 'primary' && !loaded.has(fingerprint))
    .map(({ fingerprint }): ReleaseKeyWarning => {
      const message = `${file.path}: the cluster-version operator does not load the key ${fingerprint}${why}. ${KNOWN_KEYS}`;
      return { code: 'lost-key', message };
    });
  const revoked = entities
    .filter(({ isRevoked }) => isRevoked)
    .map(({ primary }): ReleaseKeyWarning => {
      const message = `${file.path}: the key ${primary.fingerprint} is revoked`;
      return { code: 'revoked-key', message };
    });
  return [...lost, ...revoked];
}
