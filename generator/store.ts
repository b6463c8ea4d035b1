// The store: every accepted signature in memory, numbered, ready to be looked up. A change
// is worked out first (`prepare`) and then applied in one synchronous step, so no lookup
// sees half of it.
import type { CheckedFile, PublishableFile } from './checked-file.ts';
import { DirectoryMap } from './directory-map.ts';
import type { Signature } from './judge.ts';
import { createKeeper } from './kept-file.ts';
import { numberSignatures } from './numbering.ts';
import {
  type RejectedFile,
  type ReportedFile,
  isNoteworthy,
  isPlain,
  isRejected,
  reportDirectory,
  reportOther,
} from './report.ts';

/** How many files have which status. */
export interface Summary {
  readonly accepted: number;
  readonly unverified: number;
  readonly rejected: number;
  readonly ignored: number;
}

/** What a lookup needs of a signature. */
export type StoredSignature = Pick<Signature, 'bytes' | 'hash'>;

/** A change that is ready to be applied. */
export interface Update {
  /** Rejected files of the store once the change is applied. */
  readonly rejected: number;
  /** Those among them that lie where something changes. */
  readonly rejectedFiles: () => Iterable<RejectedFile>;
  readonly apply: () => void;
}

/** Files that lie in one `repo@sha256=HEX` directory under well-formed names. */
interface Directory {
  /** In a string of its own: a slice would keep the path that it was cut from in memory. */
  readonly name: string;
  readonly files: readonly CheckedFile[];
  /** Number N at index N - 1; the same list as `files` where all are served as they are named. */
  readonly served: readonly PublishableFile[];
  readonly summary: Summary;
}

const EMPTY: Summary = { accepted: 0, unverified: 0, rejected: 0, ignored: 0 };
/** What most directories hold, kept once. */
const ONE_ACCEPTED: Summary = { ...EMPTY, accepted: 1 };

export class SignatureStore {
  readonly #directories = new DirectoryMap<Directory>();
  readonly #others = new Map<string, CheckedFile>();
  /** Those among the directories that hold rejected files. */
  readonly #faulty = new Map<string, Directory>();
  readonly #keep = createKeeper();
  /** Digest directories with signatures, by repository. */
  readonly #repositories = new Map<string, number>();
  #summary = EMPTY;
  #signatures = 0;
  /** No signature expires before this moment, in milliseconds since 1970. */
  #validUntil = Infinity;

  /** The signature with a number (from 1) in a directory. */
  find(directory: string, number: number): StoredSignature | undefined {
    return this.#directories.get(directory)?.served[number - 1]?.signature;
  }

  /** Signatures that are served; exact duplicates count once. */
  get signatures(): number {
    return this.#signatures;
  }

  /** Repositories with at least one signature. */
  get repositories(): number {
    return this.#repositories.size;
  }

  get summary(): Summary {
    return this.#summary;
  }

  /**
   * Files whose signature, or its key, has expired by `now`. Nothing, at once, while none has; else
   * all files are looked at, one by one as the caller goes on.
   */
  *expired(now: Date): Generator<PublishableFile | undefined> {
    if (this.#validUntil > now.getTime()) return;
    let validUntil = Infinity;
    for (const [, { files }] of this.#directories.entries()) {
      for (const file of files) {
        if (file.kind !== 'publishable') continue;
        const until = file.signature.validUntil;
        // Those that have expired count until they are replaced, so that none is forgotten.
        validUntil = Math.min(validUntil, until);
        yield until <= now.getTime() ? file : undefined;
      }
    }
    this.#validUntil = validUntil;
  }

  /** Every signature that is served, with its directory and number. */
  *served(): Generator<{ directory: string; number: number; signature: Signature }> {
    for (const [directory, { served }] of this.#directories.entries()) {
      for (const [index, { signature }] of served.entries()) {
        yield { directory, number: index + 1, signature };
      }
    }
  }

  /** Every file with its status, as reports show it; in no order. */
  *files(): Generator<ReportedFile> {
    for (const [directory, { files }] of this.#directories.entries()) {
      yield* reportDirectory(directory, files);
    }
    for (const file of this.#others.values()) yield* reportOther(file);
  }

  /** The files of which there is more to say than that they are good or ignored; in no order. */
  *noteworthy(): Generator<ReportedFile> {
    for (const [directory, { files }] of this.#directories.entries()) {
      if (isPlain(files)) continue;
      for (const file of reportDirectory(directory, files)) if (isNoteworthy(file)) yield file;
    }
    for (const file of this.#others.values())
      if (file.kind === 'rejected') yield* reportOther(file);
  }

  /** The rejected files, as reports show them; in no order. */
  rejectedFiles(): Iterable<RejectedFile> {
    return rejectedAmong(this.#faulty, this.#others);
  }

  /** Every file of this moment, directory by directory, whatever changes afterwards. */
  freeze(): Iterable<CheckedFile> {
    const directories = this.#directories.freeze();
    const others = [...this.#others.values()];
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
    for (let from = 0, to = 0; from < files.length; from = to) {
      const path = files[from]?.directory ?? '';
      while (files[to]?.directory === path) to++;
      const before = this.#directories.get(path);
      const name = before?.name ?? path;
      const added = files.slice(from, to).map((file) => this.#keep(file, name));
      const directory = toDirectory(name, before ? [...before.files, ...added] : added);
      this.#summary = add(this.#summary, directory.summary, before?.summary ?? EMPTY);
      this.#setDirectory(directory);
    }
  }

  /** Works out what a set of checked files changes, without changing anything yet. */
  prepare(changes: Iterable<CheckedFile>): Update {
    const others = new Map<string, CheckedFile>();
    const byDirectory = new Map<string, Map<string, CheckedFile>>();
    for (const change of changes) {
      const { directory } = change;
      if (directory === undefined) others.set(change.path, change);
      else {
        const group = byDirectory.get(directory) ?? new Map<string, CheckedFile>();
        byDirectory.set(directory, group.set(change.path, change));
      }
    }
    const directories = new Map<string, Directory>();
    let summary = this.#summary;
    for (const [name, changed] of byDirectory) {
      const directory = this.#withChanges(name, changed);
      directories.set(name, directory);
      summary = add(summary, directory.summary, this.#directories.get(name)?.summary ?? EMPTY);
    }
    for (const [path, file] of others) {
      summary = add(summary, countOther(file), countOther(this.#others.get(path)));
    }
    return {
      rejected: summary.rejected,
      rejectedFiles: () => rejectedAmong(directories, others),
      apply: () => {
        for (const directory of directories.values()) this.#setDirectory(directory);
        for (const [path, file] of others) {
          if (file.kind === 'removed') this.#others.delete(path);
          else this.#others.set(path, file);
        }
        this.#summary = summary;
      },
    };
  }

  #withChanges(path: string, changed: ReadonlyMap<string, CheckedFile>): Directory {
    const before = this.#directories.get(path);
    const name = before?.name ?? Buffer.from(path).toString();
    const kept = before?.files.filter((file) => !changed.has(file.path)) ?? [];
    const added = [...changed.values()]
      .filter((file) => file.kind !== 'removed')
      .map((file) => (file.kind === 'publishable' ? this.#keep(file, name) : file));
    return toDirectory(name, [...kept, ...added]);
  }

  #setDirectory(directory: Directory): void {
    const { name } = directory;
    const before = this.#directories.get(name);
    if (directory.files.length === 0) this.#directories.delete(name);
    else this.#directories.set(name, directory);
    if (directory.summary.rejected === 0) this.#faulty.delete(name);
    else this.#faulty.set(name, directory);
    this.#signatures += directory.served.length - (before?.served.length ?? 0);
    const gained = Number(directory.served.length > 0) - Number((before?.served.length ?? 0) > 0);
    if (gained !== 0) this.#countRepository(name.slice(0, name.lastIndexOf('@')), gained);
    for (const file of directory.files) {
      if (file.kind !== 'publishable') continue;
      this.#validUntil = Math.min(this.#validUntil, file.signature.validUntil);
    }
  }

  #countRepository(repository: string, gained: number): void {
    const directories = (this.#repositories.get(repository) ?? 0) + gained;
    if (directories === 0) this.#repositories.delete(repository);
    else this.#repositories.set(repository, directories);
  }
}

function* rejectedAmong(
  directories: ReadonlyMap<string, Directory>,
  others: ReadonlyMap<string, CheckedFile>,
): Generator<RejectedFile> {
  for (const [directory, { files, summary }] of directories) {
    if (summary.rejected === 0) continue;
    for (const file of reportDirectory(directory, files)) if (isRejected(file)) yield file;
  }
  for (const file of others.values()) {
    for (const reported of reportOther(file)) if (isRejected(reported)) yield reported;
  }
}

function toDirectory(name: string, files: readonly CheckedFile[]): Directory {
  const publishable = files.filter((file) => file.kind === 'publishable');
  const { served, duplicates, overflow } = numberSignatures(publishable);
  const isAsNamed =
    served.length === files.length && served.every((file, at) => file === files[at]);
  const leftOut = new Set(overflow);
  const tooMany = publishable.filter((file) => leftOut.has(duplicates.get(file) ?? file));
  const unverified = countUnverified(publishable) - countUnverified(tooMany);
  const summary = {
    accepted: publishable.length - tooMany.length - unverified,
    unverified,
    rejected: files.length - publishable.length + tooMany.length,
    ignored: 0,
  };
  const isUsual = isAsNamed && summary.accepted === 1 && files.length === 1;
  return {
    name,
    files: isAsNamed ? served : files,
    served,
    summary: isUsual ? ONE_ACCEPTED : summary,
  };
}

function countUnverified(files: readonly PublishableFile[]): number {
  return files.filter((file) => file.signature.status === 'unverified').length;
}

function countOther(file: CheckedFile | undefined): Summary {
  return {
    ...EMPTY,
    rejected: Number(file?.kind === 'rejected'),
    ignored: Number(file?.kind === 'ignored'),
  };
}

function add(sum: Summary, gained: Summary, lost: Summary): Summary {
  return {
    accepted: sum.accepted + gained.accepted - lost.accepted,
    unverified: sum.unverified + gained.unverified - lost.unverified,
    rejected: sum.rejected + gained.rejected - lost.rejected,
    ignored: sum.ignored + gained.ignored - lost.ignored,
  };
}
