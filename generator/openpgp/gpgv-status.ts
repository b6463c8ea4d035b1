// The lines that gpgv writes to its status descriptor (GnuPG doc/DETAILS), read the way GPGME
// reads gpg's on nodes (GPGME src/verify.c), and then judged as containers/image does
// (signature/mechanism_gpgme.go): one signature, good, by a key that is good today.
import { type Rejection, reject } from '../terms/rejection.ts';

/** A signature that gpgv calls good and valid. */
export interface ValidSignature {
  /** Of the key that signed, upper-case hex. */
  readonly fingerprint: string;
  readonly primaryFingerprint: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Milliseconds since 1970; Infinity if it does not expire. */
  readonly expiresAt: number;
  readonly version: number;
  /** Numbers of RFC 9580, sections 9.1 and 9.5. */
  readonly publicKeyAlgorithm: number;
  readonly hashAlgorithm: number;
}

interface StatusSignature {
  /** GOODSIG, EXPSIG, EXPKEYSIG, REVKEYSIG, BADSIG, ERRSIG, or NODATA if data failed to parse after it. */
  status: string | undefined;
  readonly keyId: string;
  /** Of ERRSIG: GnuPG's error number. */
  readonly reason: string;
  valid: readonly string[] | undefined;
}

const STATUS_LINE = /^\[GNUPG:\] ([A-Z_]+) ?(.*)$/;
const RESULTS = new Set(['GOODSIG', 'EXPSIG', 'EXPKEYSIG', 'REVKEYSIG', 'BADSIG', 'ERRSIG']);
/** At such a packet gpgv stops, and gpg goes on. */
export const STRAY_PACKET = 'a packet has no place in a signed message';
/** Of ERRSIG: the key is not in the keyring. */
const NO_PUBLIC_KEY = '9';

/** The verdict in gpgv's status lines. */
export function readGpgvStatus(text: string): ValidSignature | Rejection {
  const found: StatusSignature[] = [];
  let isOpen = false;
  for (const line of text.split('\n')) {
    const [, keyword = '', rest = ''] = STATUS_LINE.exec(line) ?? [];
    const fields = rest.split(' ');
    const current = found.at(-1);
    if (keyword === 'NEWSIG') {
      found.push({ status: undefined, keyId: '', reason: '', valid: undefined });
      isOpen = true;
    } else if (RESULTS.has(keyword)) {
      const [keyId = ''] = fields;
      if (isOpen) found.pop();
      found.push({ status: keyword, keyId, reason: fields[5] ?? '', valid: undefined });
      isOpen = false;
    } else if (keyword === 'VALIDSIG' && current) {
      current.valid = fields;
    } else if (keyword === 'UNEXPECTED') {
      return reject('malformed', STRAY_PACKET);
    } else if (keyword === 'NODATA') {
      if (!current) return malformed(found.length);
      current.status = keyword;
      isOpen = false;
    } else if (keyword === 'ERROR' && fields[0] === 'proc_pkt.plaintext') {
      return malformed(found.length);
    }
  }
  if (isOpen) found.pop();
  const [only] = found;
  if (found.length > 1) {
    return reject('multiple-signatures', `expected exactly one signature, got ${found.length}`);
  }
  return only ? toVerdict(only) : reject('not-signed', 'expected a signed message, got plain data');
}

function toVerdict({ status, keyId, reason, valid }: StatusSignature): ValidSignature | Rejection {
  switch (status ?? 'NODATA') {
    case 'GOODSIG':
      return valid ? toValidSignature(valid) : unsupported('it has no valid signature');
    case 'EXPSIG':
      return reject('signature-expired', `the signature by ${keyId} has expired`);
    case 'EXPKEYSIG':
      return reject('key-expired', `the key ${keyId} has expired`);
    case 'REVKEYSIG':
      return reject('key-revoked', `the key ${keyId} is revoked`);
    case 'BADSIG':
      return reject(
        'bad-signature',
        'the signature does not match the payload, or has a critical part that GnuPG does not know',
      );
    case 'ERRSIG':
      return reason === NO_PUBLIC_KEY
        ? reject('unknown-signer', `no key of the keyring has the ID ${keyId}`)
        : unsupported(`error ${reason} at the signature by ${keyId}`);
    default:
      return malformed(0);
  }
}

function toValidSignature(fields: readonly string[]): ValidSignature {
  const [fingerprint = '', , created, expires, version, , publicKey, hash, , primary] = fields;
  const expiresAt = Number(expires) * 1000;
  return {
    fingerprint,
    primaryFingerprint: primary ?? fingerprint,
    createdAt: Number(created) * 1000,
    expiresAt: expiresAt === 0 ? Infinity : expiresAt,
    version: Number(version),
    publicKeyAlgorithm: Number(publicKey),
    hashAlgorithm: Number(hash),
  };
}

function unsupported(reason: string): Rejection {
  return reject('unsupported-signature', `GnuPG refuses the signature: ${reason}`);
}

function malformed(signatures: number): Rejection {
  const behind = signatures > 0 ? ', and nothing behind them' : '';
  return reject('malformed', `expected the packets of one signed message${behind}, got others`);
}
