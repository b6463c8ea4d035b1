// From a plan to mirrored images, a part of them at a time: they are copied, what has arrived is signed, and what is
// signed gets its tag. A run that ends anywhere leaves nothing that the next one does not go on with.
import { type Statement, statementId } from '../../signing/sign/statement.ts';
import { hintOf, messageOf } from '../../generator/terms/errors.ts';
import { findScope } from '../../generator/policy/policy.ts';
import { UsageError } from '../base/usage-error.ts';
import { willBeAccepted } from '../promote/will-be-accepted.ts';
import type { RefusedOutcome, SignReport, SigningOutcome } from '../sign/format-signed.ts';
import { type MadeSignatures, type SigningRun, signImages } from '../sign/sign-images.ts';
import { spreadRefusals, tryKey } from '../sign/try-key.ts';
import type { MirrorCopies } from './copy-images.ts';
import type { FailedOutcome, PlannedImage } from './plan-images.ts';

/** What came of an image. */
export type MirrorOutcome =
  /**
   * `mirrored`: it is here now, with its tag and its signatures. `there`: it was before. `waiting`: it is here, and
   * nodes get it once others have signed or merged. `planned`: nothing was done, as in a dry run.
   */
  | { readonly status: 'mirrored' | 'there' | 'planned' }
  | { readonly status: 'waiting'; readonly message: string }
  | RefusedOutcome
  | FailedOutcome;

export interface MirrorImageResult {
  readonly image: PlannedImage;
  readonly outcome: MirrorOutcome;
  /** Whether this run has copied it; `there` where it had arrived before, null where it did not come so far. */
  readonly copy: 'copied' | 'there' | null;
  /** What came of its signatures, in the order of its statements; empty where it did not come so far. */
  readonly signatures: readonly SigningOutcome[];
}

export interface ImageMirrorResult {
  readonly images: readonly MirrorImageResult[];
  /** What was signed, a report for each part. */
  readonly signed: readonly SignReport[];
  /** Why the run ended early; undefined where it did not. */
  readonly failure: unknown;
}

/** What is pushed in one commit: few pushes, and little to do again after an interruption. */
const AT_ONCE = 20;

/** Mirrors images that are planned. */
export class ImageMirror {
  readonly #signing: SigningRun;
  readonly #copies: MirrorCopies;
  readonly #made: MadeSignatures;
  readonly #results = new Map<PlannedImage, MirrorImageResult>();
  readonly #signed: SignReport[] = [];

  /** `made` is what the key has signed of the images before. */
  constructor(signing: SigningRun, copies: MirrorCopies, made: MadeSignatures) {
    this.#signing = signing;
    this.#copies = copies;
    this.#made = made;
  }

  /** Mirrors images; in a dry run it only says what would become of them. */
  async run(images: readonly PlannedImage[]): Promise<ImageMirrorResult> {
    for (const image of images) {
      if (this.#isDone(image)) this.#note(image, THERE, { signatures: thereAll(image) });
      else this.#note(image, { status: 'planned' });
    }
    const left = images.filter((image) => !this.#isDone(image));
    let failure: unknown;
    try {
      for (const image of images.filter((one) => this.#isDone(one)))
        await this.#noteIfLacking(image);
      await (this.#signing.settings['dry-run'] ? this.#foresee(left) : this.#mirror(left));
    } catch (error) {
      // What was done until then is told in any case.
      failure = this.#signing.registry.ending.aborted ? INTERRUPTED : error;
      this.#giveUp(left, failure);
    }
    const results = images.flatMap((image) => this.#results.get(image) ?? []);
    return { images: results, signed: this.#signed, failure };
  }

  #note(
    image: PlannedImage,
    outcome: MirrorOutcome,
    more: Partial<Pick<MirrorImageResult, 'copy' | 'signatures'>> = {},
  ): void {
    const { copy, signatures } = this.#results.get(image) ?? { copy: null, signatures: [] };
    this.#results.set(image, { image, copy, signatures, ...more, outcome });
  }

  #isSigned({ statements }: PlannedImage): boolean {
    return statements.every((one) => this.#made.has(statementId(one)));
  }

  /** What is signed has arrived whole before. */
  #isDone(image: PlannedImage): boolean {
    return image.there === image.digestHex && this.#isSigned(image);
  }

  async #foresee(images: readonly PlannedImage[]): Promise<void> {
    const report = await signImages(images, this.#made, this.#signing);
    this.#signed.push(report);
    for (const [image, signatures] of this.#share(images, report)) {
      this.#note(image, findRefused(signatures) ?? { status: 'planned' }, { signatures });
    }
  }

  async #mirror(images: readonly PlannedImage[]): Promise<void> {
    if (images.length > 0) {
      const plan = `to mirror: ${images.length} of ${this.#results.size} images`;
      this.#signing.io.stderr.write(`lookaside: ${plan}\n`);
    }
    const wanted = images.flatMap(({ statements }) =>
      statements.filter((one) => !this.#isMade(one)),
    );
    const refusals = wanted.length > 0 ? await tryKey(wanted, this.#signing) : [];
    const foreseen = spreadRefusals(images, new Map(refusals));
    const open: PlannedImage[] = [];
    for (const image of images) {
      const refusal = foreseen.get(firstId(image));
      if (refusal) this.#note(image, refusal);
      else open.push(image);
    }
    // One proposal has all.
    const size = this.#signing.settings['pull-request'] ? Math.max(open.length, 1) : AT_ONCE;
    for (let at = 0; at < open.length; at += size)
      await this.#mirrorPart(open.slice(at, at + size));
  }

  #isMade(statement: Statement): boolean {
    return this.#made.has(statementId(statement));
  }

  async #mirrorPart(images: readonly PlannedImage[]): Promise<void> {
    const unsigned = images.filter((image) => !this.#isSigned(image));
    if (unsigned.length > 0) {
      const prepare = async () => this.#copy(unsigned, false);
      const run = { ...this.#signing, prepare, keepsGoing: true };
      const report = await signImages(unsigned, this.#made, run);
      this.#signed.push(report);
      for (const [image, signatures] of this.#share(unsigned, report)) {
        await this.#finish(image, signatures, report);
      }
    }
    // An earlier run has judged and signed them, and ended before they got their tags.
    const signed = images.filter((image) => this.#isSigned(image));
    await this.#copy(signed, true);
    const report = await this.#awaitServed(signed);
    for (const image of signed) {
      await this.#finish(image, thereAll(image), report);
    }
  }

  /** Waits, if that is wanted, until the store serves what an earlier run has pushed. */
  async #awaitServed(images: readonly PlannedImage[]): Promise<SignReport | undefined> {
    if (!this.#signing.wait || images.length === 0) return undefined;
    const report = await signImages(images, this.#made, this.#signing);
    this.#signed.push(report);
    return report;
  }

  /** Gives why some may not be signed, by `statementId`. */
  async #copy(
    images: readonly PlannedImage[],
    isJudged: boolean,
  ): Promise<ReadonlyMap<string, RefusedOutcome>> {
    const outcomes = await this.#copies.copy(images, isJudged);
    const refusals = new Map<string, RefusedOutcome>();
    for (const [image, outcome] of outcomes) {
      if (outcome.status === 'copied' || outcome.status === 'there') {
        this.#note(image, { status: 'planned' }, { copy: outcome.status });
        continue;
      }
      this.#note(image, outcome);
      for (const one of image.statements) refusals.set(statementId(one), toRefusal(outcome));
    }
    return refusals;
  }

  /** Which outcomes are those of which image. */
  #share(
    images: readonly PlannedImage[],
    { signatures }: SignReport,
  ): readonly (readonly [PlannedImage, readonly SigningOutcome[]])[] {
    const outcomes = signatures.map(({ outcome }) => outcome);
    return images.map((image) => [image, outcomes.splice(0, image.statements.length)] as const);
  }

  /** Gives an image its tag, if it may have it. */
  async #finish(
    image: PlannedImage,
    signatures: readonly SigningOutcome[],
    report: SignReport | undefined,
  ): Promise<void> {
    const { outcome: before } = this.#results.get(image) ?? {};
    if (before?.status === 'refused' || before?.status === 'failed') return;
    const refused = findRefused(signatures);
    if (refused) return this.#note(image, refused, { signatures });
    if (signatures.some(({ status }) => status === 'held')) {
      const message = 'it was not signed, because of what is refused beside it';
      const hint = 'run the same again once that is mended';
      return this.#note(image, { status: 'failed', message, hint }, { signatures });
    }
    const isProposed = report?.delivery?.proposal !== undefined;
    const waits =
      report?.served instanceof Error
        ? 'its tag stays as it is until the store serves its signatures'
        : await this.#findWait(image, isProposed);
    const isTagged = image.there === image.digestHex || waits !== undefined;
    const fault = isTagged ? undefined : await this.#copies.tag(image);
    if (fault) return this.#note(image, fault, { signatures });
    const message =
      waits ?? (isProposed ? 'nodes accept it once the proposal is merged' : undefined);
    if (message !== undefined)
      return this.#note(image, { status: 'waiting', message }, { signatures });
    this.#note(image, { status: 'mirrored' }, { signatures });
    await this.#noteIfLacking(image);
  }

  /** Why a tag stays with the image that it names; undefined where it may be moved. */
  async #findWait(image: PlannedImage, isProposed: boolean): Promise<string | undefined> {
    const isInUse = image.there !== undefined && image.there !== image.digestHex;
    if (!isInUse) return undefined;
    if (isProposed) return 'the tag names the image before until the proposal is merged';
    return (await willBeAccepted(image, this.#signing))
      ? undefined
      : 'the tag names the image before until everybody has signed the new one';
  }

  /** An image that others have to sign too waits for them, though all is done that can be done here. */
  async #noteIfLacking(image: PlannedImage): Promise<void> {
    const { policy } = this.#signing.destination;
    const isShared = (findScope(policy, image.target)?.signedBy.length ?? 0) > 1;
    if (!isShared || (await willBeAccepted(image, this.#signing))) return;
    this.#note(image, {
      status: 'waiting',
      message: 'nodes accept it once everybody has signed it',
    });
  }

  #giveUp(images: readonly PlannedImage[], error: unknown): void {
    for (const image of images) {
      if (this.#results.get(image)?.outcome.status !== 'planned') continue;
      this.#note(image, { status: 'failed', message: messageOf(error), hint: hintOf(error) });
    }
  }
}

const THERE = { status: 'there' } as const;
const INTERRUPTED = new UsageError('interrupted', 'run the same again: it goes on from here');

/** All its signatures are there. */
function thereAll({ statements }: PlannedImage): readonly SigningOutcome[] {
  return statements.map(() => THERE);
}

function firstId({ statements }: PlannedImage): string {
  const [first] = statements;
  return first ? statementId(first) : '';
}

function findRefused(signatures: readonly SigningOutcome[]): RefusedOutcome | undefined {
  return signatures.find((one) => one.status === 'refused');
}

function toRefusal(outcome: RefusedOutcome | FailedOutcome): RefusedOutcome {
  if (outcome.status === 'refused') return outcome;
  const { message, hint = '' } = outcome;
  return { status: 'refused', code: 'copy-failed', message, hint };
}
