// The store: every accepted signature in memory, numbered, ready to be looked up. A change
// is worked out first (`prepare`) and then applied in one synchronous step, so no lookup
// sees half of it.
import {
  type CheckedFile,
  type PublishableFile,
  isOlder,
  isWaiting,
} from '../gate/checked-file.ts';
import { DirectoryMap } from './directory-map.ts';
import type { Signature } from '../gate/judge.ts';
import { createKeeper } from './compact-files.ts';
import { GuestMoves } from './guest-moves.ts';
import { HeldNumbers, type HoldOptions, type KeptNumbers } from './held-numbers.ts';
import { isIgnoredPath } from '../terms/location.ts';
import { isReleaseDirectory } from '../terms/release-location.ts';
import {
  type RejectedFile,
  type ReportedFile,
  isNoteworthy,
  isOneGoodSignature,
  isRejected,
  reportDirectory,
  reportOther,
} from './report.ts';
import { Journal, NOTHING, type Standing, type StoreChange } from './journal.ts';
import { RejectedIndex } from './rejected-index.ts';
import { releaseDirectoriesOf } from './release-numbering.ts';
import { type RejectionCode, isUndecided, validityOf } from '../terms/rejection.ts';
import { ALWAYS, type Validity, holdsAt, intersect } from '../terms/validity.ts';
import {
  type Directory,
  EMPTY,
  type Summary,
  addSummaries,
  countOther,
  toDirectory,
} from './store-directory.ts';
import { type SignerCount, StoreTally } from './store-tally.ts';
import { TagIndex } from './tag-index.ts';

/** What a lookup needs of a signature. */
export type StoredSignature = Pick<Signature, 'bytes' | 'hash'>;

/** A file whose verdict there may be reason to ask for again. */
export type JudgedFile = Extract<CheckedFile, { readonly kind: 'publishable' | 'rejected' }>;

/** A signature with a place from which it is served. */
interface ServedFile {
  readonly directory: string;
  readonly number: number;
  readonly signature: Signature;
}

/** A change that is ready to be applied. */
export interface Update {
  /** Rejected files of the store once the change is applied. */
  readonly rejected: number;
  /** Those among them that lie, or would be served, where something changes. */
  readonly rejectedFiles: () => Iterable<RejectedFile>;
  /** Those that are rejected there now. */
  readonly rejectedBefore: () => Iterable<RejectedFile>;
  readonly apply: () => void;
}

const NO_FILES: readonly CheckedFile[] = [];
const NO_OTHERS: ReadonlyMap<string, CheckedFile> = new Map();

/** Which ignored files are named: all, none, or those with such paths. */
export type ListsIgnored = boolean | ((path: string) => boolean);

export class SignatureStore {
  readonly #directories = new DirectoryMap<Directory>();
  /** Rejected files that lie at no location. */
  readonly #others = new Map<string, CheckedFile>();
  /** Ignored files by their paths, where they are to be listed; else they are only counted. */
  readonly #ignored: Map<string, CheckedFile> | undefined;
  /** Those among the directories that hold rejected files. */
  readonly #faulty = new Map<string, Directory>();
  /** Those that hold files which lay there before. */
  readonly #withOlder = new Map<string, Directory>();
  /** Those of releases that serve something, but for copies below the repositories that were signed. */
  readonly #releases = new Set<string>();
  readonly #keep = createKeeper();
  readonly #tally = new StoreTally();
  readonly #rejected = new RejectedIndex();
  /** Undefined while nobody looks into the store: every directory has the numbers of a fresh start. */
  #held: HeldNumbers | undefined;
  /** What directories, and paths that are no locations, were; undefined where nobody wants to know. */
  #journal: Journals | undefined;
  /** Told of each change from the moment on at which it is wanted; undefined where nobody asks by tags. */
  #tags: TagIndex | undefined;
  #hasAllTags = false;
  #summary = EMPTY;
  /** When the verdicts on all files hold, or less. */
  #validity: Validity = ALWAYS;

  readonly #listsIgnored: (path: string) => boolean;

  /**
   * Without `listsIgnored` it names no ignored file, and none takes any room. Where it lists some of
   * them, whoever looks into it must give it each path only once.
   */
  constructor(listsIgnored: ListsIgnored = true) {
    this.#ignored = listsIgnored === false ? undefined : new Map();
    this.#listsIgnored = typeof listsIgnored === 'function' ? listsIgnored : () => true;
  }

  /** The signature with a number (from 1) in a directory; several numbers may have the same. */
  find(directory: string, number: number): StoredSignature | undefined {
    const files = this.#held?.filesIn(directory) ?? this.#directories.get(directory)?.served;
    return files?.[number - 1]?.signature;
  }

  /** The signatures of a directory, each once, in the order of their numbers in a fresh start. */
  signaturesIn(directory: string): readonly Signature[] {
    return this.servedFilesIn(directory).map(({ signature }) => signature);
  }

  /** The files whose signatures are served from a directory, as `signaturesIn`. */
  servedFilesIn(directory: string): readonly PublishableFile[] {
    return this.#directories.get(directory)?.served ?? [];
  }

  /** The lowest number under which a signature of a directory is served; 0 for one that is not. */
  numberOf(directory: string, { hash }: StoredSignature): number {
    const held = this.#held?.numbersIn(directory)?.get(hash);
    return held ?? this.signaturesIn(directory).findIndex((one) => one.hash === hash) + 1;
  }

  /** Every file of a directory with its status, as reports show it; in no order. */
  filesIn(directory: string): readonly ReportedFile[] {
    const known = this.#directories.get(directory);
    return known ? [...this.#report(known)] : [];
  }

  /** Directories with signatures for a digest, given as 64 lower-case hexadecimal digits. */
  *directoriesOf(digestHex: string): Generator<string> {
    for (const [name, { served }] of this.#directories.ending(`@sha256=${digestHex}`)) {
      if (served.length > 0) yield name;
    }
  }

  /** Signatures that are served; exact duplicates count once. */
  get signatures(): number {
    return this.#tally.signatures;
  }

  /** Digest directories with at least one signature. */
  get images(): number {
    return this.#tally.images;
  }

  /** Repositories with at least one signature. */
  get repositories(): number {
    return this.#tally.repositories.size;
  }

  /** The directories of releases with at least one signature: those right below the prefixes of areas. */
  get releases(): ReadonlySet<string> {
    return this.#releases;
  }

  /** How many signed images each of those repositories has. */
  get imagesByRepository(): ReadonlyMap<string, number> {
    return this.#tally.repositories;
  }

  /** What each key has signed, by the fingerprint of the primary key. */
  get signers(): ReadonlyMap<string, SignerCount> {
    return this.#tally.signers;
  }

  /** Whether a subkey, given by its own fingerprint, has made a signature that is served. */
  hasSigned(subkey: string): boolean {
    return this.#tally.hasSigned(subkey);
  }

  /** Whether anything lies in a repository, served or not. */
  hasRepository(repository: string): boolean {
    return this.#tally.knows(repository);
  }

  get summary(): Summary {
    return this.#summary;
  }

  /** The present file at a location, served or not. */
  fileAt(directory: string, path: string): CheckedFile | undefined {
    return this.#directories
      .get(directory)
      ?.files.find((file) => file.path === path && !isOlder(file));
  }

  /** Whether a file is the one that the store has. */
  has(file: JudgedFile): boolean {
    const files = this.#directories.get(file.directory ?? '')?.files;
    return files?.includes(file) === true;
  }

  /** The good signature with a hash at a path: of the present file, or of the one before it. */
  signatureAt(directory: string, path: string, wanted: string): Signature | undefined {
    for (const file of this.#directories.get(directory)?.files ?? []) {
      const isThere = file.path === path && file.kind === 'publishable';
      if (isThere && file.signature.hash === wanted) return file.signature;
    }
    return undefined;
  }

  /**
   * What is served at a path, or was before a file without a verdict came there: what is to be kept
   * beside such a file.
   */
  olderFor(directory: string, path: string): JudgedFile | undefined {
    const files = this.#directories.get(directory)?.files.filter((file) => file.path === path);
    const older = files?.find(isOlder);
    if (older) return older.kind === 'publishable' || older.kind === 'rejected' ? older : undefined;
    const file = files?.find(({ kind }) => kind === 'publishable');
    if (file?.kind !== 'publishable') return undefined;
    const { number, signature } = file;
    return { kind: 'publishable', path, directory, number, signature, older: signature.bytes };
  }

  /** Every file that is kept beside one without a verdict, served or not; in no order. */
  *older(): Generator<JudgedFile> {
    for (const { files } of this.#withOlder.values()) {
      for (const file of files) {
        const isJudged = file.kind === 'publishable' || file.kind === 'rejected';
        if (isJudged && isOlder(file)) yield file;
      }
    }
  }

  /** How many of them are served. */
  get olderServed(): number {
    let count = 0;
    for (const { served } of this.#withOlder.values()) count += served.filter(isOlder).length;
    return count;
  }

  /** Whether every verdict holds at a moment; false also where that is not known. Costs nothing. */
  holdsAt(now: Date): boolean {
    return holdsAt(this.#validity, now);
  }

  /**
   * Files whose verdict does not hold at `now`. Nothing, at once, while all hold; else all files are
   * looked at, one by one as the caller goes on, with undefined for those that are passed over.
   */
  *lapsed(now: Date): Generator<JudgedFile | undefined> {
    if (this.holdsAt(now)) return;
    let validity = ALWAYS;
    for (const file of this.judged()) {
      const own = fileValidity(file);
      // Those that have lapsed count until they are replaced, so that none is forgotten.
      validity = narrow(validity, own);
      yield holdsAt(own, now) ? undefined : file;
    }
    this.#validity = validity;
  }

  /**
   * Every file at a location that has a verdict, or waits for one; in no order. Of changes meanwhile, it
   * passes over what is gone by its turn.
   */
  *judged(): Generator<JudgedFile> {
    for (const [name, { files }] of this.#directories.entries()) {
      let current = files;
      let left: ReadonlySet<CheckedFile> | undefined;
      for (const file of files) {
        if (file.kind !== 'publishable' && file.kind !== 'rejected') continue;
        const now = this.#directories.get(name)?.files ?? NO_FILES;
        if (now !== current) [current, left] = [now, new Set(now)];
        if (left?.has(file) !== false) yield file;
      }
    }
  }

  /** Files that wait for a verdict, because nobody could give one yet, older ones too; in no order. */
  *undecided(): Generator<JudgedFile> {
    for (const { files } of this.#faulty.values()) {
      for (const file of files)
        if (file.kind === 'rejected' && isUndecided(file.rejection)) yield file;
    }
  }

  /** Every signature that nodes find, with its directory and number. */
  *served(): Generator<ServedFile> {
    for (const one of this.published()) if (!isReleaseDirectory(one.directory)) yield one;
  }

  /** Every signature that is served, with each directory and number that it has, those of releases too. */
  *published(): Generator<ServedFile> {
    for (const [directory, { served }] of this.#directories.entries()) {
      for (const [index, { signature }] of served.entries()) {
        yield { directory, number: index + 1, signature };
      }
    }
  }

  /** Every directory with signatures, and when the newest of them was made, in milliseconds since 1970. */
  *signedDirectories(): Generator<{ directory: string; signedAt: number }> {
    for (const [directory, { served }] of this.#directories.entries()) {
      if (isReleaseDirectory(directory)) continue;
      let signedAt = -Infinity;
      for (const { signature } of served) signedAt = Math.max(signedAt, signature.signedAt);
      if (served.length > 0) yield { directory, signedAt };
    }
  }

  /** Every file with its status, as reports show it; in no order. Ignored ones only if they are listed. */
  *files(): Generator<ReportedFile> {
    for (const [, directory] of this.#directories.entries()) yield* this.#report(directory);
    for (const file of this.#others.values()) yield* reportOther(file);
    for (const file of this.#ignored?.values() ?? []) yield* reportOther(file);
  }

  /** The files of which there is more to say than that they are good or ignored; in no order. */
  *noteworthy(): Generator<ReportedFile> {
    for (const [, directory] of this.#directories.entries()) {
      if (isOneGoodSignature(directory.files)) continue;
      for (const file of this.#report(directory)) if (isNoteworthy(file)) yield file;
    }
    for (const file of this.#others.values())
      if (file.kind === 'rejected') yield* reportOther(file);
  }

  /** The rejected files, as reports show them; in no order. */
  rejectedFiles(): Iterable<RejectedFile> {
    return rejectedAmong(this.#faulty, this.#others, this.#held);
  }

  /** Directories by the names with tags that were signed; undefined until they are indexed. */
  get tags(): TagIndex | undefined {
    return this.#hasAllTags ? this.#tags : undefined;
  }

  /** Makes that index, directory by directory, as the caller goes on. It follows all changes from now on. */
  *indexTags(): Generator<void> {
    if (this.#hasAllTags) return;
    const tags = (this.#tags ??= new TagIndex());
    for (const [name] of this.#directories.entries()) {
      tags.replace(name, [], this.servedFilesIn(name));
      yield;
    }
    this.#hasAllTags = true;
  }

  /** How many files are rejected, by code; codes of none are left out. */
  get rejectedCodes(): ReadonlyMap<RejectionCode, number> {
    return this.#rejected.codes;
  }

  /** The rejected files that have to do with a digest, by their path or by what they say. */
  rejectedOf(digestHex: string): readonly RejectedFile[] {
    return this.#rejected.of(digestHex);
  }

  /** Whether `takeChanges` tells anything. */
  get hasJournal(): boolean {
    return this.#journal !== undefined;
  }

  /** From now on `takeChanges` tells what has changed. */
  startJournal(): void {
    this.#journal ??= { directories: new Journal(), others: new Journal() };
  }

  /**
   * What has changed since the journal was started, or since this was called last: directory by
   * directory, as the caller goes on. A directory that changes meanwhile is given as it is by then.
   */
  *takeChanges(): Generator<StoreChange> {
    const directories = this.#journal?.directories.take() ?? [];
    const others = this.#journal?.others.take() ?? [];
    for (const [name, before] of directories) {
      const after = this.#directories.get(name);
      yield { name, before: this.#toStanding(before ?? undefined), after: this.#toStanding(after) };
    }
    for (const [path, before] of others) {
      yield {
        name: path,
        before: toStanding(before ?? undefined),
        after: toStanding(this.#others.get(path)),
      };
    }
  }

  /** What differs from another store, in the same way. */
  *changesSince(other: SignatureStore): Generator<StoreChange> {
    for (const [name, directory] of this.#directories.entries()) {
      const before = other.#toStanding(other.#directories.get(name));
      yield { name, before, after: this.#toStanding(directory) };
    }
    for (const [name, directory] of other.#directories.entries()) {
      const isThere = this.#directories.get(name) !== undefined;
      if (!isThere) yield { name, before: other.#toStanding(directory), after: NOTHING };
    }
    for (const [path, file] of this.#others) {
      yield { name: path, before: toStanding(other.#others.get(path)), after: toStanding(file) };
    }
  }

  /** Every file of this moment that is known, directory by directory, whatever changes afterwards. */
  freeze(): Iterable<CheckedFile> {
    const directories = this.#directories.freeze();
    const others = [...this.#others.values(), ...(this.#ignored?.values() ?? [])];
    return (function* () {
      for (const { files } of directories) yield* files;
      yield* others;
    })();
  }

  /**
   * Takes in files that are not in the store yet, those of a directory one behind the other. Costs a
   * fraction of `prepare`, and is for a store that nobody looks into.
   */
  add(files: readonly PublishableFile[]): void {
    const directories = new Map<string, Directory>();
    for (let from = 0, to = 0; from < files.length; from = to) {
      const path = files[from]?.directory ?? '';
      while (files[to]?.directory === path) to++;
      const before = directories.get(path) ?? this.#directories.get(path);
      const name = before?.name ?? path;
      const added = files.slice(from, to).map((file) => this.#keep(file, name));
      const all = before ? [...before.files, ...added] : added;
      directories.set(path, toDirectory(name, all, before?.guests));
    }
    const releases = this.#moveGuests(directories);
    for (const [name, { summary }] of directories) {
      const before = this.#directories.get(name)?.summary ?? EMPTY;
      this.#summary = addSummaries(this.#summary, summary, before);
    }
    this.#replace(directories, releases);
  }

  /** Whether numbers that were served stay what they were for some time. */
  get holdsNumbers(): boolean {
    return this.#held !== undefined;
  }

  /**
   * From now on numbers that were served stay what they were as long as caches may hold them: those
   * that this store has now, and those that an earlier run has kept.
   */
  holdNumbers(options: HoldOptions, kept: Iterable<KeptNumbers>): void {
    const held = new HeldNumbers(options);
    for (const one of kept) held.resume(one, this.servedFilesIn(one.directory));
    this.#hold(held);
  }

  /** As `holdNumbers`, with the numbers that another store serves now. Goes on as the caller does. */
  *takeOverNumbers(options: HoldOptions, other: SignatureStore): Generator<void> {
    const held = new HeldNumbers(options);
    const takeOver = (name: string): void => {
      const before = other.servedFilesIn(name);
      held.takeOver(name, { before, held: other.#held }, this.servedFilesIn(name));
    };
    for (const [name] of this.#directories.entries()) yield takeOver(name);
    for (const [name] of other.#directories.entries()) {
      yield this.#directories.get(name) ? undefined : takeOver(name);
    }
    // Those that are left empty.
    for (const name of other.#held?.directories() ?? []) {
      const isDone = this.#directories.get(name) ?? other.#directories.get(name);
      yield isDone ? undefined : takeOver(name);
    }
    this.#hold(held);
  }

  /** Moves numbers on that no cache holds any more, so many directories at most; tells whether all are done. */
  moveNumbers(most: number): boolean {
    let left = most;
    for (const name of this.#held?.due() ?? []) {
      if (left-- === 0) return false;
      const directory = this.#directories.get(name);
      if (directory) this.#put(directory);
      else this.#held?.replace(name, [], []);
    }
    return true;
  }

  /** What the next start needs to know of numbers, and a number that changes with it; 0 for nothing. */
  get keptNumbers(): { readonly version: number; readonly kept: Iterable<KeptNumbers> } {
    return { version: this.#held?.version ?? 0, kept: this.#held?.kept() ?? [] };
  }

  /** Counts ignored files that an earlier run has counted. For a store that nobody looks into. */
  addIgnored(count: number): void {
    this.#summary = { ...this.#summary, ignored: this.#summary.ignored + count };
  }

  /** Works out what a set of checked files changes, without changing anything yet. */
  prepare(changes: Iterable<CheckedFile>): Update {
    const others = new Map<string, CheckedFile>();
    const byDirectory = new Map<string, Map<string, CheckedFile>>();
    let summary = this.#summary;
    for (const change of changes) {
      const { directory } = change;
      if (directory === undefined) {
        const isKnown = this.#others.has(change.path) || others.has(change.path);
        if (isKnown || this.#ignored || change.kind === 'rejected') others.set(change.path, change);
        else summary = addSummaries(summary, countOther(change.kind), this.#countBefore(change));
      } else {
        const group = byDirectory.get(directory) ?? new Map<string, CheckedFile>();
        byDirectory.set(directory, group.set(keyOf(change), change));
      }
    }
    const directories = new Map<string, Directory>();
    for (const [name, changed] of byDirectory)
      directories.set(name, this.#withChanges(name, changed));
    const releases = this.#moveGuests(directories);
    const before = new Map<string, Directory>();
    for (const [name, directory] of directories) {
      const old = this.#directories.get(name);
      if (old) before.set(name, old);
      summary = addSummaries(summary, directory.summary, old?.summary ?? EMPTY);
    }
    for (const file of others.values()) {
      summary = addSummaries(summary, countOther(file.kind), this.#countBefore(file));
    }
    return {
      rejected: summary.rejected,
      rejectedFiles: () => rejectedAmong(directories, others, this.#held),
      rejectedBefore: () => rejectedAmong(before, NO_OTHERS, this.#held),
      apply: () => {
        this.#summary = summary;
        this.#replace(directories, releases);
        for (const file of others.values()) this.#setOther(file);
      },
    };
  }

  /** What stood at no location before a file does, or does no more. */
  #countBefore(file: CheckedFile): Summary {
    if (this.#others.has(file.path)) return countOther('rejected');
    if (this.#ignored) return countOther(this.#ignored.has(file.path) ? 'ignored' : 'removed');
    // What is not known here was ignored, if there was anything.
    const wasThere =
      file.kind === 'removed'
        ? isIgnoredPath(file.path)
        : file.kind !== 'publishable' && file.entry.wasThere === true;
    return countOther(wasThere ? 'ignored' : 'removed');
  }

  #withChanges(path: string, changed: ReadonlyMap<string, CheckedFile>): Directory {
    const before = this.#directories.get(path);
    const name = before?.name ?? Buffer.from(path).toString();
    const kept = before?.files.filter((file) => !changed.has(keyOf(file))) ?? [];
    const added = [...changed.values()]
      .filter((file) => file.kind !== 'removed')
      .map((file) =>
        file.kind === 'publishable' && !isOlder(file) ? this.#keep(file, name) : file,
      );
    return toDirectory(name, withoutObsolete([...kept, ...added]), before?.guests);
  }

  #toStanding(directory?: Directory): Standing {
    if (!directory) return NOTHING;
    return { served: directory.served, rejected: rejectedIn(directory, this.#held) };
  }

  /**
   * Brings files of release areas to the directories that serve them, and takes others away, among the
   * directories that are to replace those of the store. Gives the releases that are concerned.
   */
  #moveGuests(changed: Map<string, Directory>): readonly string[] {
    const moves = new GuestMoves();
    for (const [name, directory] of changed) moves.note(this.#directories.get(name), directory);
    const places = [...moves.places];
    for (const place of places) {
      const { files = NO_FILES, guests } = changed.get(place) ?? this.#directories.get(place) ?? {};
      changed.set(place, toDirectory(place, files, moves.guestsIn(place, guests)));
    }
    return places.filter(isReleaseDirectory);
  }

  #replace(directories: ReadonlyMap<string, Directory>, releases: readonly string[]): void {
    const before = releases.map((name) => this.#directories.get(name)?.served ?? []);
    for (const directory of directories.values()) this.#put(directory);
    for (const [index, name] of releases.entries()) this.#setRelease(name, before[index] ?? []);
  }

  /** Notes a release that serves others than before, and serves it below the repositories, too. */
  #setRelease(name: string, before: readonly PublishableFile[]): void {
    const { served } = this.#directories.get(name) ?? { served: [] };
    if (served.length > 0) this.#releases.add(name);
    else this.#releases.delete(name);
    this.#setRepositories(before, served);
  }

  /** What is served for a release is served below the repositories that were signed, too. */
  #setRepositories(before: readonly PublishableFile[], after: readonly PublishableFile[]): void {
    const places = new Set(
      [...before, ...after].flatMap((file) => releaseDirectoriesOf(file).slice(1)),
    );
    for (const place of places) {
      const guests = after.filter((file) => releaseDirectoriesOf(file)[1] === place);
      // Told of once, for the release.
      this.#put(toDirectory(place, this.#directories.get(place)?.files ?? [], guests), false);
    }
  }

  /** Gives what was there before. */
  #put(directory: Directory, isNoted = true): Directory | undefined {
    const { name } = directory;
    const before = this.#directories.get(name);
    if (isNoted && before !== directory) this.#journal?.directories.note(name, before);
    if (directory.files.length + directory.guests.length === 0) this.#directories.delete(name);
    else this.#directories.set(name, directory);
    if (directory.summary.rejected === 0) this.#faulty.delete(name);
    else this.#faulty.set(name, directory);
    if (directory.files.some(isOlder)) this.#withOlder.set(name, directory);
    else this.#withOlder.delete(name);
    this.#tally.replace(name, before, directory);
    this.#tags?.replace(name, before?.served ?? [], directory.served);
    if (before) this.#rejected.remove(rejectedIn(before, this.#held));
    this.#held?.replace(name, before?.served ?? [], directory.served);
    this.#rejected.add(rejectedIn(directory, this.#held));
    for (const file of directory.files) {
      if (file.kind !== 'publishable' && file.kind !== 'rejected') continue;
      this.#validity = narrow(this.#validity, fileValidity(file));
    }
    return before;
  }

  #hold(held: HeldNumbers): void {
    this.#held = held;
    // What is said of files in these names numbers.
    for (const directory of this.#withOlder.values()) this.#put(directory);
  }

  #report({ name, files, guests }: Directory): Iterable<ReportedFile> {
    return reportDirectory(name, files, this.#held?.numbersIn(name), {
      guests,
      numberIn: (directory, { signature }) => this.numberOf(directory, signature),
    });
  }

  #setOther(file: CheckedFile): void {
    const before = this.#others.get(file.path);
    if (before || file.kind === 'rejected') this.#journal?.others.note(file.path, before);
    if (before) this.#rejected.remove([...reportOther(before)].filter(isRejected));
    const isListed = file.kind === 'ignored' && this.#listsIgnored(file.path);
    if (isListed) this.#ignored?.set(file.path, file);
    else this.#ignored?.delete(file.path);
    if (file.kind !== 'rejected') {
      this.#others.delete(file.path);
      return;
    }
    this.#others.set(file.path, file);
    this.#rejected.add([...reportOther(file)].filter(isRejected));
  }
}

interface Journals {
  readonly directories: Journal<Directory>;
  readonly others: Journal<CheckedFile>;
}

/** What lies at a path that is no location is never served. */
function toStanding(file: CheckedFile | undefined): Standing {
  return file ? { served: [], rejected: [...reportOther(file)].filter(isRejected) } : NOTHING;
}

/** What a change replaces: the present file, or the one before it. No path has a NUL. */
function keyOf(file: CheckedFile): string {
  return isOlder(file) ? `${file.path}\0` : file.path;
}

/** An older file is kept only beside one that waits for its verdict: it goes with the path. */
function withoutObsolete(files: readonly CheckedFile[]): readonly CheckedFile[] {
  if (!files.some(isOlder)) return files;
  const waiting = new Set(files.filter(isWaiting).map(({ path }) => path));
  return files.filter((file) => !isOlder(file) || waiting.has(file.path));
}

/** When the verdict on a file holds. */
export function fileValidity(file: JudgedFile): Validity {
  if (file.kind === 'rejected') return validityOf(file.rejection);
  const { validFrom, validUntil } = file.signature;
  return { from: validFrom, until: validUntil };
}

/** Most files change nothing, and a start takes in a million. */
function narrow(validity: Validity, own: Validity): Validity {
  const isWider = own.from <= validity.from && own.until >= validity.until;
  return isWider ? validity : intersect(validity, own);
}

function rejectedIn(
  { name, files, guests, summary }: Directory,
  held: HeldNumbers | undefined,
): readonly RejectedFile[] {
  if (summary.rejected === 0) return [];
  // Under which number others are served makes no difference.
  const view = { guests, numberIn: () => 0 };
  return [...reportDirectory(name, files, held?.numbersIn(name), view)].filter(isRejected);
}

function* rejectedAmong(
  directories: ReadonlyMap<string, Directory>,
  others: ReadonlyMap<string, CheckedFile>,
  held: HeldNumbers | undefined,
): Generator<RejectedFile> {
  for (const directory of directories.values()) yield* rejectedIn(directory, held);
  for (const file of others.values()) {
    for (const reported of reportOther(file)) if (isRejected(reported)) yield reported;
  }
}
