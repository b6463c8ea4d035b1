// What a change of the source has taken away, for operators: in the log, as the trouble `signatures-lost`, in
// /status.json and in metrics. It is over when all of it is back, when somebody acknowledges it, or a day
// after the last such change. What one commit brings is said to be its author's, by what git says; nobody
// has checked that.
import type { Source } from '../../generator/sources/source.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import { describeTaken, toHeld } from '../../generator/proposal/taken-away.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { abbreviate, toLine } from '../../generator/terms/text.ts';
import type { Troubles } from '../troubles/troubles.ts';
import {
  type HeldDirectories,
  type LostSignature,
  MOST_REMEMBERED,
  type TakenAway,
  compareStores,
  holdDirectories,
} from './compare-stores.ts';
import type { LostFile, RememberedLoss } from './lost-file.ts';

export interface LostSignaturesOptions {
  readonly source: Pick<Source, 'lastChange'>;
  readonly troubles: Pick<Troubles, 'raise' | 'clear'>;
  readonly log: ProgramLog;
  /** Gives the time of day. */
  readonly now: () => Date;
  /** Where it outlives a restart; undefined for nowhere. */
  readonly file: LostFile | undefined;
}

/** The state that a change led to. */
export interface ChangedState {
  readonly store: SignatureStore;
  /** In full; null for a directory. */
  readonly commit: string | null;
  /** Who made that commit, as it says: `Name <email>`; undefined where nobody knows. */
  readonly findAuthor: () => Promise<string | undefined>;
}

/** What operators are told, and can do about it. */
export type LostReport = Pick<LostSignatures, 'loss' | 'total' | 'acknowledge'>;

/** How long it is shown. Milliseconds. */
export const SHOWN_FOR = 24 * 3_600_000;
/**
 * Whole images that are removed are old ones as a rule. It is told when nothing is left, or when more than
 * this share has gone, of at least so many images.
 */
const MOST_GONE = 0.5;
const FEW_IMAGES = 10;
/** Characters of what a commit says of itself. */
const MOST_SAID = 200;

export class LostSignatures {
  readonly #options: LostSignaturesOptions;
  #loss: RememberedLoss | undefined;
  #reading: Promise<void> | undefined;
  #naming: Promise<void> = Promise.resolve();
  #saving: Promise<void> | undefined;
  #total = 0;
  /** What was served in directories where files wait for a verdict: it may be lost with that. */
  #undecided: HeldDirectories = new Map();
  #isEnding = false;

  /** Nothing is lost yet. */
  constructor(options: LostSignaturesOptions) {
    this.#options = options;
  }

  /** What is lost, until it is over; undefined for nothing. */
  get loss(): RememberedLoss | undefined {
    return this.#loss;
  }

  /** How many signatures were taken away since the start. */
  get total(): number {
    return this.#total;
  }

  /** Reads what an earlier run was told of, once. */
  async open(): Promise<void> {
    this.#reading ??= this.#read();
    return this.#reading;
  }

  /** Compares what was served in changed directories with what is served now, and tells what is lost. */
  async compare(held: HeldDirectories, state: ChangedState): Promise<void> {
    const { store } = state;
    const waiting = new Set<string>();
    for (const { directory } of store.older()) if (directory !== undefined) waiting.add(directory);
    const undecided = [...waiting].filter((name) => held.has(name) || this.#undecided.has(name));
    this.#undecided = await holdDirectories(store, undecided);
    await this.#tell(await compareStores(held, store), state);
  }

  /** The same for what waited for a verdict, once there is one. */
  async compareDecided(state: ChangedState): Promise<void> {
    if (this.#undecided.size === 0) return;
    await this.compare(this.#undecided, state);
  }

  /** To be told of each store that comes into force: what is back is no longer lost. */
  revisit(store: SignatureStore): void {
    const loss = this.#loss;
    if (!loss) return;
    const files = loss.files.filter((file) => !isBack(file, store));
    if (files.length === loss.files.length) return;
    if (files.length === 0) {
      this.#options.log.info('the signatures that were taken away are there again');
      this.#end();
      return;
    }
    const signatures = loss.signatures - (loss.files.length - files.length);
    this.#keep({ ...loss, files, signatures });
  }

  /** Ends what was shown for long enough. */
  tick(): void {
    if (this.#loss && this.#options.now().getTime() >= Date.parse(this.#loss.until)) this.#end();
  }

  /**
   * Somebody has seen it; gives how many signatures were lost. With the end of what was seen, nothing that
   * was lost since then is acknowledged, and 0 is given.
   */
  acknowledge(seenUntil?: string): number {
    const loss = this.#loss;
    if (!loss || (seenUntil !== undefined && seenUntil !== loss.until)) return 0;
    const { signatures } = loss;
    this.#options.log.info({ signatures }, 'what was taken away is acknowledged');
    this.#end();
    return signatures;
  }

  /** Settles when the next start knows of it. */
  async settle(): Promise<void> {
    await this.#saving;
  }

  /** Settles when nothing reads the source any more. */
  async close(): Promise<void> {
    this.#isEnding = true;
    await this.#naming;
  }

  async #read(): Promise<void> {
    const loss = await this.#options.file?.read();
    if (!loss || this.#loss) return;
    this.#loss = loss;
    this.tick();
    if (this.#loss) this.#raise(loss);
  }

  async #tell(taken: TakenAway, state: ChangedState): Promise<void> {
    const { gone, images } = taken;
    const isMost = isMostGone(taken, state.store);
    if (images === 0 && !isMost) return;
    const lost = sumOf(taken) + (isMost ? gone.signatures : 0);
    this.#total += lost;
    const files = [...taken.files, ...(isMost ? gone.files : [])];
    const now = this.#options.now();
    const earlier = this.#loss;
    const known = new Set(files.map(({ path, id }) => `${path}\0${id}`));
    const others = earlier?.files.filter(({ path, id }) => !known.has(`${path}\0${id}`)) ?? [];
    const share = shareOf(lost, state.store.signatures);
    const message = toLine(`took away ${describe(taken, lost, share, isMost)}`);
    this.#keep({
      message: toLine(`${nameState(state.commit)} ${message}${nameEarlier(others.length)}`),
      commit: state.commit,
      author: null,
      subject: null,
      since: earlier?.since ?? now.toISOString(),
      until: new Date(now.getTime() + SHOWN_FOR).toISOString(),
      signatures: lost + others.length,
      files: [...files, ...others].slice(0, MOST_REMEMBERED),
    });
    await this.settle();
    const facts = { signatures: lost, share: Number(share.toFixed(4)), ...countsOf(taken) };
    const previous = this.#naming;
    this.#naming = previous.then(async () => this.#name(files[0], state, message, facts));
  }

  /** Git may take seconds to find who it was, in a long history; the refresh does not wait for that. */
  async #name(
    file: LostSignature | undefined,
    { commit, findAuthor }: ChangedState,
    message: string,
    facts: object,
  ): Promise<void> {
    const { log, source } = this.#options;
    const found =
      commit !== null && file !== undefined && !this.#isEnding
        ? await source.lastChange(commit, file.path).catch((error: unknown) => {
            log.warn({ error: messageOf(error) }, 'cannot find who took the signatures away');
            return undefined;
          })
        : undefined;
    const author = found
      ? `${found.author.name} <${found.author.email}>`
      : await findAuthor().catch(() => undefined);
    const by = found?.id ?? commit;
    const said = {
      author: author === undefined ? null : cutLine(author),
      subject: found ? cutLine(found.subject) : null,
    };
    log.warn({ commit: by, ...said, ...facts }, `${nameState(commit)} ${message}`);
    if (this.#loss?.commit !== commit) return;
    this.#keep({ ...this.#loss, commit: by, ...said });
    await this.settle();
  }

  #keep(loss: RememberedLoss): void {
    this.#loss = loss;
    this.#raise(loss);
    this.#saving = this.#options.file?.write(loss);
  }

  #raise({ message, commit, author, until }: RememberedLoss): void {
    const hint = `see "lost" in /status.json. If it was not meant, revert the commit; if it was, acknowledge it on the status page or with POST /acknowledge. It is shown until ${until}`;
    this.#options.troubles.raise('signatures-lost', {
      message,
      hint,
      commit: commit ?? undefined,
      author: author ?? undefined,
    });
  }

  #end(): void {
    this.#loss = undefined;
    this.#options.troubles.clear('signatures-lost');
    this.#saving = this.#options.file?.write(undefined);
  }
}

/** Which share of what would be served with them a number of lost signatures is, from 0 to 1. */
export function shareOf(lost: number, served: number): number {
  return lost === 0 ? 0 : lost / (lost + served);
}

/** Whether nodes find it again, or something that says the same. */
function isBack(
  { directory, id, signer, identity, lacks }: RememberedLoss['files'][number],
  store: SignatureStore,
): boolean {
  const held = store.servedFilesIn(directory).map(toHeld);
  // Where nothing was missing, others said the same all the time.
  if (lacks.length === 0) return held.some((one) => one.id === id);
  return held.some((one) => one.id === id || (one.signer === signer && one.identity === identity));
}

function isMostGone({ gone }: TakenAway, store: SignatureStore): boolean {
  if (gone.images === 0) return false;
  const before = store.images + gone.images;
  return store.signatures === 0 || (before >= FEW_IMAGES && gone.images > MOST_GONE * before);
}

function sumOf({ counts }: TakenAway): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function countsOf({ counts, images, gone }: TakenAway): object {
  return {
    removed: counts['signature-removed'],
    replaced: counts['signature-replaced'],
    excluded: counts['signature-excluded'],
    images,
    wholeImages: gone.images,
  };
}

function nameState(commit: string | null): string {
  return commit === null ? 'a change of the source' : `the change to commit ${abbreviate(commit)}`;
}

/** How much, of what, and the worst of it. */
function describe(taken: TakenAway, lost: number, share: number, isMost: boolean): string {
  const { counts, images, gone, files } = taken;
  const parts = [
    [counts['signature-removed'], 'removed'],
    [counts['signature-replaced'], 'replaced'],
    [counts['signature-excluded'], 'no longer among those that nodes read'],
  ] as const;
  const said = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  const still = images === 1 ? '1 image that is' : `${images} images that are`;
  const sentences = [
    ...(images > 0 ? [`of ${still} still there: ${said.join(', ')}`] : []),
    ...(isMost
      ? [`${plural(gone.images, 'whole image')} with ${plural(gone.signatures, 'signature')}`]
      : []),
  ];
  const [first] = files;
  const example = first
    ? `; ${first.path}: ${describeTaken(first, wordOf(first), first.lacks)}`
    : '';
  return `${plural(lost, 'signature')} (${formatShare(share)}), ${sentences.join('; ')}${example}`;
}

function wordOf({ code }: LostSignature): string {
  return code === 'signature-replaced' ? 'other bytes' : 'none';
}

function nameEarlier(count: number): string {
  return count === 0
    ? ''
    : `; ${plural(count, 'signature')} of earlier changes ${count === 1 ? 'is' : 'are'} lost, too`;
}

function formatShare(share: number): string {
  const percent = 100 * share;
  return percent > 0 && percent < 1 ? 'less than 1 %' : `${Math.round(percent)} %`;
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function cutLine(text: string): string {
  return toLine(text.length > MOST_SAID ? `${text.slice(0, MOST_SAID)}…` : text);
}
