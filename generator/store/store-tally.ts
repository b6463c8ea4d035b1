// What the store counts while directories come and go, so that nobody has to go through it.
import type { CheckedFile, PublishableFile } from '../gate/checked-file.ts';
import { isReleaseDirectory } from '../terms/release-location.ts';
import { nodeDirectoryOf, releaseDirectoriesOf } from './release-numbering.ts';

/** Of one key. */
export interface SignerCount {
  /** Served ones. */
  readonly signatures: number;
  /** Digest directories with a signature by it. */
  readonly images: number;
  /** Those among them where nobody else has signed. */
  readonly soleImages: number;
}

interface Counted {
  readonly files: readonly CheckedFile[];
  readonly served: readonly PublishableFile[];
}

const NONE: Counted = { files: [], served: [] };
const NOTHING: SignerCount = { signatures: 0, images: 0, soleImages: 0 };

export class StoreTally {
  /** Directories with signatures, by repository. */
  readonly #signed = new Map<string, number>();
  /** Directories of which no file is served, by repository. */
  readonly #unsigned = new Map<string, number>();
  readonly #signers = new Map<string, SignerCount>();
  /** Served signatures that a subkey made, by its fingerprint. */
  readonly #subkeys = new Map<string, number>();
  #signatures = 0;
  #images = 0;

  /** Signatures that are served; exact duplicates count once. */
  get signatures(): number {
    return this.#signatures;
  }

  /** Directories with at least one signature. */
  get images(): number {
    return this.#images;
  }

  /** The number of signed images by repository; those with none are left out. */
  get repositories(): ReadonlyMap<string, number> {
    return this.#signed;
  }

  /** By the fingerprint of the primary key. */
  get signers(): ReadonlyMap<string, SignerCount> {
    return this.#signers;
  }

  /** Whether a subkey, given by its own fingerprint, has made a signature that is served. */
  hasSigned(subkey: string): boolean {
    return this.#subkeys.has(subkey);
  }

  /** Whether anything lies in a repository, served or not. */
  knows(repository: string): boolean {
    return this.#signed.has(repository) || this.#unsigned.has(repository);
  }

  /** Takes a directory in another state than before. */
  replace(name: string, before: Counted = NONE, after: Counted = NONE): void {
    if (isReleaseDirectory(name)) {
      this.#replaceRelease(name, before, after);
      return;
    }
    const repository = name.slice(0, name.lastIndexOf('@'));
    const gained = Number(after.served.length > 0) - Number(before.served.length > 0);
    this.#signatures += after.served.length - before.served.length;
    this.#images += gained;
    count(this.#signed, repository, gained);
    count(this.#unsigned, repository, Number(isUnsigned(after)) - Number(isUnsigned(before)));
    this.#countSigners(before.served, -1);
    this.#countSigners(after.served, 1);
  }

  /** Each file counts once: by its flat directory, and only what no node finds. */
  #replaceRelease(name: string, before: Counted, after: Counted): void {
    const [old, now] = [before, after].map(({ served }) => onlyFlat(name, served));
    if (!old || !now) return;
    const [lost, gained] = [old, now].map((served) =>
      served.filter((file) => nodeDirectoryOf(file) === undefined),
    );
    this.#signatures += (gained?.length ?? 0) - (lost?.length ?? 0);
    this.#countSigners(lost ?? [], -1);
    this.#countSigners(gained ?? [], 1);
  }

  #countSigners(served: readonly PublishableFile[], sign: 1 | -1): void {
    this.#countSubkeys(served, sign);
    const [first] = served;
    const only = served.length === 1 ? first?.signature.signer?.primaryFingerprint : undefined;
    // Most images have one signature, and a start counts them all.
    const bySigner = only === undefined ? countBySigner(served) : [[only, 1] as const];
    const isSole = only !== undefined || isByOne(served);
    for (const [fingerprint, signatures] of bySigner) {
      const known = this.#signers.get(fingerprint) ?? NOTHING;
      const counted = {
        signatures: known.signatures + sign * signatures,
        images: known.images + sign,
        soleImages: known.soleImages + (isSole ? sign : 0),
      };
      if (counted.images === 0) this.#signers.delete(fingerprint);
      else this.#signers.set(fingerprint, counted);
    }
  }

  #countSubkeys(served: readonly PublishableFile[], sign: 1 | -1): void {
    for (const { signature } of served) {
      const { signer } = signature;
      if (!signer || signer.fingerprint === signer.primaryFingerprint) continue;
      count(this.#subkeys, signer.fingerprint, sign);
    }
  }
}

function onlyFlat(name: string, served: readonly PublishableFile[]): readonly PublishableFile[] {
  return served.filter((file) => releaseDirectoriesOf(file)[0] === name);
}

function isUnsigned({ files, served }: Counted): boolean {
  return files.length > 0 && served.length === 0;
}

function count(counts: Map<string, number>, key: string, gained: number): void {
  if (gained === 0) return;
  const total = (counts.get(key) ?? 0) + gained;
  if (total === 0) counts.delete(key);
  else counts.set(key, total);
}

function countBySigner(served: readonly PublishableFile[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { signature } of served) {
    if (signature.signer) count(counts, signature.signer.primaryFingerprint, 1);
  }
  return counts;
}

function isByOne(served: readonly PublishableFile[]): boolean {
  return new Set(served.map(({ signature }) => signature.signer?.primaryFingerprint)).size === 1;
}
