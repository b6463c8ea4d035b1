// Files that may be published, as the store keeps them: a million of them are in memory at once.
// Bytes lie one behind the other in large blocks, what many signatures have in common is there
// once, and what the place says already is not kept.
import type { PublishableFile } from '../gate/checked-file.ts';
import type { UntrustedClaims } from '../terms/untrusted-claims.ts';
import type { Signature } from '../gate/judge.ts';
import type { Signer } from '../openpgp/open-message.ts';
import { formatLocation } from '../terms/location.ts';

/** Bytes of a block. Small enough that what is no longer used is soon given back. */
const BLOCK_BYTES = 256 * 1024;
/** Terms that are remembered, to be shared; more are only kept apart. */
const MAX_TERMS = 1000;
const NEVER = 0;
/** No signature was made before 1970. */
const ALWAYS = -1;

/** What signatures of one key and scope have in common. */
interface Terms extends Pick<
  Signature,
  'status' | 'scope' | 'meets' | 'warnings' | 'gpgv' | 'release'
> {
  readonly signer: Signer | undefined;
  readonly creator: string | null;
}

/** Where bytes lie: the hash as text, and right behind it the file. */
interface Place {
  readonly block: Buffer;
  readonly hashAt: number;
  readonly bytesAt: number;
  readonly end: number;
}

class CompactFile implements PublishableFile, Signature {
  readonly directory: string;
  readonly number: number;
  readonly #terms: Terms;
  readonly #dockerReference: string;
  readonly #timestamp: number | null;
  /** In seconds, which take less room than milliseconds. */
  readonly #signedAt: number;
  readonly #validFrom: number;
  readonly #validUntil: number;
  readonly #block: Buffer;
  readonly #hashAt: number;
  readonly #bytesAt: number;
  readonly #end: number;

  constructor(
    { number, signature }: PublishableFile,
    directory: string,
    terms: Terms,
    place: Place,
  ) {
    const { claims, signedAt, validFrom, validUntil } = signature;
    this.directory = directory;
    this.number = number;
    this.#terms = terms;
    this.#dockerReference = claims.dockerReference;
    this.#timestamp = claims.timestamp;
    this.#signedAt = signedAt / 1000;
    this.#validFrom = validFrom === -Infinity ? ALWAYS : validFrom / 1000;
    this.#validUntil = validUntil === Infinity ? NEVER : validUntil / 1000;
    this.#block = place.block;
    this.#hashAt = place.hashAt;
    this.#bytesAt = place.bytesAt;
    this.#end = place.end;
  }

  get kind(): 'publishable' {
    return 'publishable';
  }

  get path(): string {
    return formatLocation(this.directory, this.number);
  }

  get signature(): Signature {
    return this;
  }

  get status(): Signature['status'] {
    return this.#terms.status;
  }

  get bytes(): Uint8Array {
    return this.#block.subarray(this.#bytesAt, this.#end);
  }

  get hash(): string {
    return this.#block.toString('latin1', this.#hashAt, this.#bytesAt);
  }

  /** Without the digest, which a signature that may be published shares with its directory. */
  get claims(): UntrustedClaims {
    const digestHex = this.directory.slice(this.directory.lastIndexOf('=') + 1);
    return {
      dockerReference: this.#dockerReference,
      manifestDigest: `sha256:${digestHex}`,
      creator: this.#terms.creator,
      timestamp: this.#timestamp,
    };
  }

  get signer(): Signer | undefined {
    return this.#terms.signer;
  }

  get scope(): Signature['scope'] {
    return this.#terms.scope;
  }

  get meets(): Signature['meets'] {
    return this.#terms.meets;
  }

  get signedAt(): number {
    return Math.round(this.#signedAt * 1000);
  }

  get validFrom(): number {
    return this.#validFrom === ALWAYS ? -Infinity : Math.round(this.#validFrom * 1000);
  }

  get validUntil(): number {
    return this.#validUntil === NEVER ? Infinity : Math.round(this.#validUntil * 1000);
  }

  get gpgv(): string | undefined {
    return this.#terms.gpgv;
  }

  get warnings(): Signature['warnings'] {
    return this.#terms.warnings;
  }

  get release(): Signature['release'] {
    return this.#terms.release;
  }
}

/**
 * Gives the function that keeps a file small: with a copy of its bytes, and with the string that is
 * given for its directory.
 */
export function createKeeper(): (file: PublishableFile, directory: string) => PublishableFile {
  const place = createBlocks();
  const share = createSharedTerms();
  return (file, directory) =>
    file instanceof CompactFile
      ? file
      : new CompactFile(file, directory, share(file.signature), place(file));
}

function createBlocks(): (file: PublishableFile) => Place {
  let block: Buffer = Buffer.alloc(0);
  let used = 0;
  return ({ signature: { hash, bytes } }) => {
    const needed = hash.length + bytes.length;
    if (used + needed > block.length) {
      block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, needed));
      used = 0;
    }
    const hashAt = used;
    const bytesAt = hashAt + block.write(hash, hashAt, 'latin1');
    block.set(bytes, bytesAt);
    used = bytesAt + bytes.length;
    return { block, hashAt, bytesAt, end: used };
  };
}

function createSharedTerms(): (signature: Signature) => Terms {
  const known = new Map<string, Terms>();
  let last: Terms | undefined;
  const find = (signature: Signature): Terms => {
    const { status, signer, scope, meets, warnings, gpgv, release, claims } = signature;
    const { creator } = claims;
    const places = meets.map((requirement) => scope.signedBy.indexOf(requirement));
    const { fingerprint = '', primaryFingerprint = '' } = signer ?? {};
    const key = JSON.stringify([
      status,
      fingerprint,
      primaryFingerprint,
      scope.name,
      places,
      creator,
      warnings,
      gpgv,
      release && [release.area.id, release.repository, release.refusal],
    ]);
    const same = known.get(key);
    if (same?.scope === scope) return same;
    const terms: Terms = { status, signer, scope, meets, warnings, gpgv, release, creator };
    if (known.size >= MAX_TERMS) known.clear();
    known.set(key, terms);
    return terms;
  };
  return (signature) => {
    // Remembered ones share their parts already.
    if (!last || !isOf(last, signature)) last = find(signature);
    return last;
  };
}

function isOf(terms: Terms, signature: Signature): boolean {
  return (
    terms.signer === signature.signer &&
    terms.scope === signature.scope &&
    terms.meets === signature.meets &&
    terms.warnings === signature.warnings &&
    terms.status === signature.status &&
    terms.gpgv === signature.gpgv &&
    terms.release === signature.release &&
    terms.creator === signature.claims.creator
  );
}
