// What keys are of use for: which images nodes accept by them, and which they would refuse at another
// time or without some of them. A store is gone through once, and no signature is verified again.
import type { Signature } from '../gate/judge.ts';
import type { Policy } from '../policy/policy.ts';
import { nameOf } from '../policy/signed-identity.ts';
import type { SignatureStore } from '../store/store.ts';
import { parseDirectory } from '../terms/location.ts';
import { AcceptedSigners, type Supposition, findRevived } from './accepted-signers.ts';
import {
  type CountsFor,
  type NamedSignature,
  type SignedName,
  findNames,
  isAccepted,
  isUsedFor,
  nameSignatures,
} from './signed-names.ts';

/** What is signed by one key, and counts now. */
export interface KeyCoverage {
  readonly signatures: number;
  /** Images that nodes accept, also by its signatures. An image is a digest under a name. */
  readonly images: number;
  /** Those among them that nodes would refuse without it. */
  readonly soleImages: number;
}

/** An image that nodes accept now, and would refuse. */
export interface LostImage {
  /** `HOST/REPOSITORY`, as it is signed. */
  readonly name: string;
  readonly tag: string | undefined;
  /** 64 hexadecimal digits. */
  readonly digestHex: string;
  readonly directory: string;
  /** The keys whose signatures would no longer count: fingerprints of primary keys. */
  readonly signers: readonly string[];
}

export interface Forecast {
  /** Images that nodes accept now, as far as signatures decide, and the signatures that count. */
  readonly images: number;
  readonly signatures: number;
  /** By the fingerprint of the primary key. */
  readonly keys: ReadonlyMap<string, KeyCoverage>;
  readonly lostImages: number;
  readonly lostSignatures: number;
  /** The lost images, in no order, as many as were asked for. */
  readonly lost: readonly LostImage[];
  /** Keys that are not good now and would be then, whose signatures are not counted: nothing serves them now. */
  readonly revived: readonly string[];
}

export interface ForecastOptions {
  readonly policy: Policy;
  readonly now: Date;
  /** Undefined where only what holds now is asked for. */
  readonly supposition: Supposition | undefined;
  /** Lost images to keep; the others are counted. All unless told. */
  readonly most?: number;
}

/** Of a key that has signed nothing that is served. */
export const NO_COVERAGE: KeyCoverage = { signatures: 0, images: 0, soleImages: 0 };
const NONE: ReadonlySet<string> = new Set();

/** Goes through a store, directory by directory as the caller goes on; gives the forecast at the end. */
export function* forecastStore(
  store: Pick<SignatureStore, 'signedDirectories' | 'signaturesIn'>,
  options: ForecastOptions,
): Generator<void, Forecast> {
  const count = new ForecastCount(options);
  for (const { directory } of store.signedDirectories()) {
    count.add(directory, store.signaturesIn(directory));
    yield;
  }
  return count.result;
}

/** The same in one go. */
export function forecastAtOnce(...question: Parameters<typeof forecastStore>): Forecast {
  const steps = forecastStore(...question);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

class ForecastCount {
  readonly #policy: Policy;
  readonly #most: number;
  readonly #now: CountsFor;
  readonly #then: CountsFor | undefined;
  readonly #keys = new Map<string, KeyCoverage>();
  readonly #lost: LostImage[] = [];
  readonly #revived: readonly string[];
  #images = 0;
  #signatures = 0;
  #lostImages = 0;
  #lostSignatures = 0;

  constructor({ policy, now, supposition, most = Infinity }: ForecastOptions) {
    this.#policy = policy;
    this.#most = most;
    const current = new AcceptedSigners({ at: now, without: NONE });
    // The verdict that was reached is the truth; the keys alone tell of other requirements.
    this.#now = (wanted, signature) =>
      signature.meets.includes(wanted) || current.counts(wanted, signature);
    const future = supposition && new AcceptedSigners(supposition);
    const { keyring } = policy;
    this.#revived = keyring && supposition ? findRevived(keyring, now, supposition) : [];
    this.#then = future && ((wanted, signature) => future.counts(wanted, signature));
  }

  get result(): Forecast {
    return {
      images: this.#images,
      signatures: this.#signatures,
      keys: this.#keys,
      lostImages: this.#lostImages,
      lostSignatures: this.#lostSignatures,
      lost: this.#lost,
      revived: this.#revived,
    };
  }

  /** Takes in the signatures that are served from a directory. */
  add(directory: string, all: readonly Signature[]): void {
    const signatures = nameSignatures(all);
    const signers = [...new Set(signatures.map(signerOf))];
    for (const { signature } of signatures) this.#countSignature(signature);
    for (const name of findNames(this.#policy, directory, signatures)) {
      const pulls = name.pulls.filter((pull) => isAccepted(pull, signatures, this.#now));
      if (pulls.length === 0) continue;
      const image = { ...name, pulls };
      this.#images++;
      for (const signer of signers) this.#countFor(signer, image, signatures, signers.length === 1);
      this.#forecast(directory, image, signatures);
    }
  }

  /** One that meets nothing is served, as where nodes take anything, and counts for no image. */
  #countSignature(signature: Signature): void {
    const { signer, meets } = signature;
    if (meets.length === 0) return;
    this.#signatures++;
    this.#note(signer?.primaryFingerprint ?? '', { ...NO_COVERAGE, signatures: 1 });
    const then = this.#then;
    if (then && !meets.some((wanted) => then(wanted, signature))) this.#lostSignatures++;
  }

  #countFor(
    signer: string,
    image: SignedName,
    signatures: readonly NamedSignature[],
    isOnly: boolean,
  ): void {
    const own = signatures.filter((one) => signerOf(one) === signer);
    if (!own.some((one) => isUsedFor(image, one, this.#now))) return;
    const others = signatures.filter((one) => signerOf(one) !== signer);
    const isSole = isOnly || image.pulls.some((pull) => !isAccepted(pull, others, this.#now));
    this.#note(signer, { signatures: 0, images: 1, soleImages: Number(isSole) });
  }

  #note(signer: string, more: KeyCoverage): void {
    const known = this.#keys.get(signer) ?? NO_COVERAGE;
    this.#keys.set(signer, {
      signatures: known.signatures + more.signatures,
      images: known.images + more.images,
      soleImages: known.soleImages + more.soleImages,
    });
  }

  #forecast(directory: string, image: SignedName, signatures: readonly NamedSignature[]): void {
    const then = this.#then;
    if (!then || image.pulls.every((pull) => isAccepted(pull, signatures, then))) return;
    this.#lostImages++;
    if (this.#lost.length >= this.#most) return;
    const gone = signatures.filter(
      (one) => isUsedFor(image, one, this.#now) && !isUsedFor(image, one, then),
    );
    this.#lost.push({
      name: nameOf(image.identity),
      tag: image.identity.tag,
      digestHex: parseDirectory(directory)?.digestHex ?? '',
      directory,
      signers: [...new Set(gone.map(signerOf))],
    });
  }
}

function signerOf({ signature }: NamedSignature): string {
  return signature.signer?.primaryFingerprint ?? '';
}
