// What a proposal adds to a signature repository, and what it takes away: the changed paths between two
// trees, each judged where it lies. What is new is judged by the rules of the new state, as it will be
// once it is served; whether something good is lost is judged by the rules that held before, lest a
// proposal changes the rules and takes away what they protected. Where the rules change, files that
// did not change are judged as well, as far as the change concerns them: the new rules may no longer
// publish them.
import { join } from 'node:path/posix';
import { checkEntries } from '../gate/check-entries.ts';
import type { CheckedFile, PublishableFile } from '../gate/checked-file.ts';
import type { Judge } from '../gate/judge.ts';
import { toEntries } from '../sources/git/objects/change.ts';
import type { GitObjects } from '../sources/git/objects/git-objects.ts';
import { isFileMode } from '../sources/git/objects/tree-entry.ts';
import type { TreeItem } from '../sources/git/objects/tree-items.ts';
import { decodePath } from '../sources/decode-path.ts';
import type { Pass } from '../sources/source.ts';
import { MAX_SIGNATURES, numberSignatures } from '../store/numbering.ts';
import { type FilePlaces, findPlaces } from '../store/release-numbering.ts';
import {
  type AcceptedFile,
  type ReportedFile,
  findMissing,
  formatClaims,
  rejectExcess,
  reportIgnored,
  reportRejected,
} from '../store/report.ts';
import { DEFAULT_BUDGETS, type StateBudgets } from '../terms/budgets.ts';
import { formatLocation, shortenPath } from '../terms/location.ts';
import { parseAnyDirectory, parseAnyLocation } from '../terms/release-location.ts';
import { isUndecided } from '../terms/rejection.ts';
import { ConcernedPlaces } from './concerned-places.ts';
import { DigestDirectories } from './digest-directories.ts';
import { type FileChange, readFileChanges, refuseLargeTree } from './file-changes.ts';
import { type HeldSignature, describeTaken, findLacks, toHeld } from './taken-away.ts';
import { type Loss, type LossCode, toLoss } from '../terms/loss.ts';

/** One of the two states that are compared. */
export interface ReviewedState {
  /** The published tree; undefined where there is none. */
  readonly tree: string | undefined;
  readonly judge: Judge;
  /** Where the tree lies in its commit: '' or a path without slashes at its ends. */
  readonly subtree: string;
}

export interface ProposalReviewOptions {
  readonly objects: GitObjects;
  /** Where both have the same judge, the rules did not change. */
  readonly from: ReviewedState;
  readonly to: ReviewedState;
  /** For what changes. */
  readonly budgets: StateBudgets;
  /** For all that the new state publishes. */
  readonly stateBudgets: StateBudgets;
  /** Where other rules may take away what did not change; everywhere if left out. */
  readonly concerned?: ConcernedPlaces;
  /** Where other rules may take what they did not before, next to it; everywhere if left out. */
  readonly gaining?: ConcernedPlaces;
  readonly now: Date;
}

export interface ReviewedProposal {
  /** Every path that has other bytes than before, or is new. */
  readonly files: readonly ReportedFile[];
  readonly losses: readonly Loss[];
  /** Whether the new rules exclude so much that the rest was not looked at: see MOST_EXCLUDED. */
  readonly isCut: boolean;
}

/** A good signature that is new under its path, without its bytes: a push may have a million of them. */
interface AddedFile extends Pick<PublishableFile, 'path' | 'directory'> {
  readonly id: string;
  /** The object name of the directory. */
  readonly tree: string | undefined;
  readonly about: Omit<AcceptedFile, 'path' | 'servedAs'>;
  /** The directories that it is served from: its own, unless it is in a release area. */
  readonly places: FilePlaces;
  /** Whether its scope asks for several signatures. */
  readonly isOneOfSeveral: boolean;
}

/** Something that lay at a path before, and may be lost. */
interface EndangeredFile {
  readonly name: Buffer;
  readonly path: string;
  readonly item: TreeItem;
  /** The object name of its directory, as that is now; undefined where there is none. */
  readonly tree: string | undefined;
  /** What it is if it was good. */
  readonly code: LossCode;
  /** Whether nobody can say whether it will be served: then it is lost only if it was surely good. */
  readonly isOpen: boolean;
}

interface JudgedFile {
  readonly file: EndangeredFile;
  readonly checked: CheckedFile;
}

/** One that is served no more where it was. */
interface LostFile extends JudgedFile {
  /** Whether it is where it belongs by the new rules. */
  readonly belongs: boolean;
  /** Of more signatures than nodes read, which the new rules take, it is among the oldest. */
  readonly isDisplaced?: boolean;
}

/** What is served from directories, by their names. */
type LeftSignatures = ReadonlyMap<string, readonly HeldSignature[]>;

/** Fingerprints of those who have to sign too; of each list one. */
type AwaitedKeys = NonNullable<AcceptedFile['awaits']>;

/** Directories whose files are judged at once. */
const DIRECTORIES_AT_ONCE = 64;
/** Directories of which it is told what nobody says there any more. */
const MOST_EXPLAINED = 200;
/** Files that are judged together, at most. */
const BATCH = 512;
/** Files that new rules exclude and that are looked at: whoever meant it needs no longer list. */
export const MOST_EXCLUDED = 1000;

/** Reviews one proposal. */
export class ProposalReview {
  readonly #options: ProposalReviewOptions;
  readonly #pass: Pick<Pass, 'read'>;
  readonly #files: ReportedFile[] = [];
  readonly #added: AddedFile[] = [];
  /** The images for which files are good that were added, by their object names; where rules changed. */
  readonly #addedImages = new Map<string, readonly string[]>();
  readonly #gone: EndangeredFile[] = [];
  /** Paths of signatures that changed in any way. */
  readonly #changed = new Set<string>();
  /** Those of the new state. */
  readonly #directories: DigestDirectories;

  constructor(options: ProposalReviewOptions) {
    const { objects, to } = options;
    this.#options = options;
    this.#pass = { read: async ({ id }) => (await objects.contents().ask(id)).bytes };
    this.#directories = new DigestDirectories(objects, to.judge);
  }

  /** Throws a StateRefusedError for a proposal or a new state over its budgets, and a SourceError. */
  async review(): Promise<ReviewedProposal> {
    const { objects, from, to, budgets, stateBudgets } = this.#options;
    let isLarger = from.judge !== to.judge;
    for await (const changes of readFileChanges(objects, from.tree, to.tree, budgets)) {
      await this.#take(changes);
      isLarger ||= changes.some(({ old, now }) => now && !old);
    }
    if (isLarger && to.tree !== undefined) await refuseLargeTree(objects, to.tree, stateBudgets);
    // Git is asked for all directories at once: a question alone costs as much as many together.
    const awaited = await this.#findAwaited();
    const added = await Promise.all(
      this.#added.map(async (one) => this.#report(one, awaited.get(one.path))),
    );
    const { lost, isCut } = await this.#findLosses();
    const left = await this.#findLeft(lost);
    const losses = lost.map((one) =>
      toLoss(one.file.code, join(from.subtree, one.file.path), describe(one, left)),
    );
    return { files: [...this.#files, ...added], losses, isCut };
  }

  /** What is served from directories that have lost something, by their names; some of them. */
  async #findLeft(lost: readonly LostFile[]): Promise<LeftSignatures> {
    const trees = new Map<string, string>();
    for (const { file } of lost) {
      const { directory } = parseAnyLocation(file.path) ?? {};
      if (directory === undefined || file.tree === undefined) continue;
      if (trees.size < MOST_EXPLAINED) trees.set(directory, file.tree);
    }
    const left = new Map<string, HeldSignature[]>([...trees.keys()].map((name) => [name, []]));
    const files: EndangeredFile[] = [];
    for (const [directory, tree] of trees) {
      const found = await this.#directories.filesIn(directory, tree);
      files.push(...found.map((file) => toEndangered(file, tree)));
    }
    for (const { checked } of await this.#selectGood(files, this.#options.to.judge)) {
      if (checked.kind === 'publishable') left.get(checked.directory)?.push(toHeld(checked));
    }
    return left;
  }

  async #take(changes: readonly FileChange[]): Promise<void> {
    const present = changes.filter(({ old, now }) => now && !isSame(old, now));
    const byPath = new Map(present.map((change) => [decodePath(change.name).path, change]));
    for await (const file of this.#judge(present, this.#options.to.judge)) {
      if (file.kind === 'publishable') {
        const added = toAdded(file, byPath.get(file.path));
        this.#added.push(added);
        this.#noteImages(this.#addedImages, added.id, file);
      } else if (file.kind === 'rejected')
        this.#files.push(reportRejected(file.path, file.rejection));
      else if (file.kind === 'ignored') this.#files.push(reportIgnored(file.path));
    }
    for (const { name, old, now, directory: tree } of changes) {
      const { path } = decodePath(name);
      if (isSame(old, now) || !parseAnyLocation(path)) continue;
      this.#changed.add(path);
      const code = now === undefined ? 'signature-removed' : 'signature-replaced';
      if (old) this.#gone.push({ name, path, item: old, tree, code, isOpen: false });
    }
  }

  #noteImages(known: Map<string, readonly string[]>, id: string, file: PublishableFile): void {
    const { from, to } = this.#options;
    // By the same rules nothing belongs elsewhere.
    if (from.judge === to.judge) return;
    known.set(id, [...(known.get(id) ?? []), ...imagesOf(to.judge, file)]);
  }

  async *#judge(
    changes: readonly Pick<FileChange, 'name' | 'now'>[],
    judge: Judge,
  ): AsyncGenerator<CheckedFile> {
    const { objects, now } = this.#options;
    const entries = await toEntries(
      changes.map(({ name, now: item }) => ({ name, now: item, wasThere: false })),
      objects,
    );
    yield* checkEntries(this.#pass, toAsync(entries), judge, now);
  }

  /**
   * With the number under which it is served if all that lies beside it is good. Of more than nodes
   * read, the oldest are not served, so that a new one may displace another.
   */
  async #report(
    { path, directory, id, tree, about, places }: AddedFile,
    awaits: AwaitedKeys | undefined,
  ): Promise<ReportedFile> {
    const beside = await this.#directories.idsIn(directory, tree);
    if (beside.length > MAX_SIGNATURES) return reportRejected(path, rejectExcess(beside.length));
    const number = beside.indexOf(id) + 1;
    const toServed = (place: string): string => `/${formatLocation(place, number)}`;
    const [servedAs = ''] = [...places.forNodes, ...places.forClusters].map(toServed);
    const release = places.refusal ?? { servedAs: places.forClusters.map(toServed) };
    const isInArea = places.refusal !== undefined || places.forClusters.length > 0;
    return {
      path,
      servedAs,
      ...about,
      ...(awaits && { awaits }),
      ...(isInArea && { release }),
    };
  }

  /** Who has to sign too before nodes accept the images of what is added, by paths; nothing for nobody. */
  async #findAwaited(): Promise<ReadonlyMap<string, AwaitedKeys>> {
    const trees = new Map<string, string | undefined>();
    for (const { directory, tree, isOneOfSeveral } of this.#added) {
      if (isOneOfSeveral) trees.set(directory, tree);
    }
    const awaited = new Map<string, AwaitedKeys>();
    const directories = [...trees];
    // Not all at once: that would be the bytes of a whole push.
    for (let at = 0; at < directories.length; at += DIRECTORIES_AT_ONCE) {
      const some = directories.slice(at, at + DIRECTORIES_AT_ONCE);
      await Promise.all(
        some.map(async ([directory, tree]) => {
          for (const [path, one] of await this.#findAwaitedIn(directory, tree))
            awaited.set(path, one);
        }),
      );
    }
    return awaited;
  }

  /** The same for all that lies in one directory now. */
  async #findAwaitedIn(
    directory: string,
    tree: string | undefined,
  ): Promise<readonly (readonly [path: string, awaited: AwaitedKeys])[]> {
    const files = await this.#directories.filesIn(directory, tree);
    const endangered = files.map((file) => toEndangered(file, tree));
    const good = await this.#selectGood(endangered, this.#options.to.judge);
    const served = good.flatMap(({ checked }) => (checked.kind === 'publishable' ? [checked] : []));
    return served.flatMap(({ path, signature }) => {
      const missing = findMissing(signature, served);
      const prints = missing.map(({ keyring }) =>
        keyring.keys.map(({ fingerprint }) => fingerprint),
      );
      return prints.length > 0 ? [[path, prints] as const] : [];
    });
  }

  /** What was good by the old rules and will be served no more. */
  async #findLosses(): Promise<{ readonly lost: readonly LostFile[]; readonly isCut: boolean }> {
    const removed = await this.#dropServed(await this.#selectLost(this.#gone));
    let most = MOST_EXCLUDED;
    let excluded: LostFile[] = [];
    for await (const files of this.#findExcluded()) {
      excluded.push(...(await this.#selectLost(files)));
      if (excluded.length < most) continue;
      excluded = await this.#dropServed(excluded);
      if (excluded.length >= most) return { lost: [...removed, ...excluded], isCut: true };
      // Everything has moved, or much of it: the rest is looked at as a whole.
      most = Infinity;
    }
    excluded = await this.#dropServed(excluded);
    const displaced = await this.#findDisplaced();
    return { lost: [...removed, ...excluded, ...displaced], isCut: false };
  }

  /**
   * What was good by the old rules, and is not served by what the proposal adds. What lies in its
   * directory under another number still is. What lies elsewhere is lost, since nodes look where it was,
   * unless the new rules say that they look there for the same image.
   */
  async #selectLost(endangered: readonly EndangeredFile[]): Promise<LostFile[]> {
    const { from, to } = this.#options;
    const good = await this.#selectGood(endangered, from.judge);
    // A new limit for paths does not say where a signature belongs.
    const { paths } = from.judge;
    const placing = { ...to.judge, ...(paths && { paths }) };
    const files = good.map(({ file }) => file);
    const stillGood = from.judge === to.judge ? good : await this.#selectGood(files, placing);
    const belonging = new Set(stillGood.map(({ file }) => file));
    const beside = await Promise.all(files.map(async (file) => this.#liesBeside(file)));
    return good.flatMap(({ file, checked }, at) => {
      const belongs = belonging.has(file);
      const isServed = belongs
        ? beside[at] === true
        : this.#hasMoved(checked, this.#addedImages.get(file.item.id));
      return isServed ? [] : { file, checked, belongs };
    });
  }

  /** Without what belongs elsewhere and is served from there. */
  async #dropServed(lost: readonly LostFile[]): Promise<LostFile[]> {
    const moved = lost.filter(({ belongs }) => !belongs).map(({ file: { item } }) => item.id);
    const served = await this.#findServed(new Set(moved));
    return lost.filter(
      ({ file, checked, belongs }) => belongs || !this.#hasMoved(checked, served.get(file.item.id)),
    );
  }

  /** Whether what is served elsewhere stands for all images for which the lost file was good. */
  #hasMoved(lost: CheckedFile, images: readonly string[] | undefined): boolean {
    if (!images || lost.kind !== 'publishable') return false;
    return imagesOf(this.#options.from.judge, lost).every((image) => images.includes(image));
  }

  /** Whether the same bytes lie in the same directory, where they can be served. */
  async #liesBeside({ path, item, tree }: EndangeredFile): Promise<boolean> {
    const { directory = '' } = parseAnyLocation(path) ?? {};
    return (await this.#directories.idsIn(directory, tree)).includes(item.id);
  }

  /** The images for which files, by their object names, are served that did not change, from anywhere. */
  async #findServed(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, readonly string[]>> {
    const served = new Map<string, readonly string[]>();
    if (ids.size === 0) return served;
    for await (const kept of this.#readKept(ConcernedPlaces.everywhere)) {
      const asked = kept.filter(({ item: { id } }) => ids.has(id));
      for await (const { file, checked } of this.#judgeFiles(asked, this.#options.to.judge)) {
        if (checked.kind === 'publishable') this.#noteImages(served, file.item.id, checked);
      }
    }
    return served;
  }

  /** What did not change and is not published by the new rules. */
  async *#findExcluded(): AsyncGenerator<readonly EndangeredFile[]> {
    const { from, to, concerned = ConcernedPlaces.everywhere } = this.#options;
    if (from.judge === to.judge || concerned.isEmpty) return;
    for await (const kept of this.#readKept(concerned)) {
      const excluded: EndangeredFile[] = [];
      for await (const { file, checked } of this.#judgeFiles(kept, to.judge)) {
        if (checked.kind !== 'publishable') excluded.push({ ...file, isOpen: isOpen(checked) });
      }
      yield excluded;
    }
  }

  /** What was served and is among the oldest now that the new rules take more of its directory. */
  async #findDisplaced(): Promise<readonly LostFile[]> {
    const { from, to, gaining = ConcernedPlaces.everywhere } = this.#options;
    if (from.judge === to.judge || gaining.isEmpty) return [];
    const displaced: LostFile[] = [];
    for await (const kept of this.#readKept(gaining)) {
      for (const files of groupByDirectory(kept)) {
        if (new Set(files.map(({ item }) => item.id)).size <= MAX_SIGNATURES) continue;
        const { overflow } = await this.#number(files, to.judge);
        if (overflow.length === 0) continue;
        const dropped = new Set(overflow.map(({ path }) => path));
        const before = await this.#number(files, from.judge);
        for (const checked of before.served) {
          const file = dropped.has(checked.path) && before.files.get(checked.path);
          if (file) displaced.push({ file, checked, belongs: true, isDisplaced: true });
        }
      }
      if (displaced.length >= MOST_EXCLUDED) break;
    }
    return displaced;
  }

  /** Which files of one directory a judge lets be served. */
  async #number(files: readonly EndangeredFile[], judge: Judge) {
    const byPath = new Map<string, EndangeredFile>();
    const good: PublishableFile[] = [];
    for await (const { file, checked } of this.#judgeFiles(files, judge)) {
      if (checked.kind !== 'publishable') continue;
      byPath.set(checked.path, file);
      good.push(checked);
    }
    return { ...numberSignatures(good), files: byPath };
  }

  /** The signatures at some places that did not change. */
  async *#readKept(places: ConcernedPlaces): AsyncGenerator<readonly EndangeredFile[]> {
    const { objects, to, stateBudgets } = this.#options;
    const passesOver = (directory: Buffer): boolean => {
      const place = parseAnyDirectory(decodePath(directory).path);
      return place !== undefined && !places.has(place.repository);
    };
    const walk = readFileChanges(objects, undefined, to.tree, stateBudgets, passesOver);
    for await (const files of walk) {
      yield files.flatMap(({ name, now: item, directory: tree }): readonly EndangeredFile[] => {
        const { path } = decodePath(name);
        if (!item || !parseAnyLocation(path) || this.#changed.has(path)) return [];
        return [{ name, path, item, tree, code: 'signature-excluded', isOpen: false }];
      });
    }
  }

  /** Those that are good where they lay; what was bad, or has expired since, is no loss. */
  async #selectGood(
    files: readonly EndangeredFile[],
    judge: Judge,
  ): Promise<readonly JudgedFile[]> {
    const good: JudgedFile[] = [];
    for (let at = 0; at < files.length; at += BATCH) {
      for await (const one of this.#judgeFiles(files.slice(at, at + BATCH), judge)) {
        const { file, checked } = one;
        const isGood = checked.kind === 'publishable' || (isOpen(checked) && !file.isOpen);
        if (isGood) good.push(one);
      }
    }
    return good;
  }

  async *#judgeFiles(files: readonly EndangeredFile[], judge: Judge): AsyncGenerator<JudgedFile> {
    const { paths = DEFAULT_BUDGETS } = judge;
    // As verdicts name them.
    const byPath = new Map(files.map((file) => [shortenPath(file.path, paths), file]));
    const changes = files.map(({ name, item }) => ({ name, now: item }));
    for await (const checked of this.#judge(changes, judge)) {
      const file = byPath.get(checked.path);
      if (file) yield { file, checked };
    }
  }
}

/** Whether the same file stands there; whether it can be executed does not count. */
function isSame(old: TreeItem | undefined, now: TreeItem | undefined): boolean {
  if (!old || !now || old.id !== now.id) return old === now;
  return old.mode === now.mode || (isFileMode(old.mode) && isFileMode(now.mode));
}

/** Whether nobody can say whether a file is good. */
function isOpen(file: CheckedFile): boolean {
  return file.kind === 'rejected' && isUndecided(file.rejection);
}

function toAdded(file: PublishableFile, change: FileChange | undefined): AddedFile {
  const { path, directory, signature } = file;
  const { status, claims, signer, warnings } = signature;
  const about = { status, claims: formatClaims(claims), ...(signer && { signer }), warnings };
  const isOneOfSeveral = signature.scope.signedBy.length > 1;
  const place = { path, directory, id: change?.now?.id ?? '', tree: change?.directory };
  return { ...place, about, places: findPlaces(file), isOneOfSeveral };
}

/** A file of a directory, to be judged. */
function toEndangered(
  { path, item }: Pick<EndangeredFile, 'path' | 'item'>,
  tree: string | undefined,
): EndangeredFile {
  const name = Buffer.from(path);
  return { name, path, item, tree, code: 'signature-excluded', isOpen: false };
}

/** The files of each digest directory: those of one lie in one batch. */
function groupByDirectory(files: readonly EndangeredFile[]): Iterable<readonly EndangeredFile[]> {
  const groups = new Map<string, EndangeredFile[]>();
  for (const file of files) {
    const { directory = '' } = parseAnyLocation(file.path) ?? {};
    const group = groups.get(directory) ?? [];
    groups.set(directory, group);
    group.push(file);
  }
  return groups.values();
}

/** The images for which a good file is good; one without a name where its judge knows only one. */
function imagesOf({ findImages }: Judge, { path, signature }: PublishableFile): readonly string[] {
  const { release, claims } = signature;
  if (release && !release.refusal) return [`release ${claims.manifestDigest}`];
  const location = parseAnyLocation(path);
  return (location && findImages?.(location, signature)) ?? [''];
}

function describe(
  { file: { code, path }, checked: file, isDisplaced = false }: LostFile,
  left: LeftSignatures,
): string {
  const excluding = isDisplaced
    ? `rules that take more than the newest ${MAX_SIGNATURES} of its directory, which are all that nodes read`
    : 'rules that exclude it';
  const got = code === 'signature-excluded' ? excluding : 'none';
  if (file.kind !== 'publishable') return `expected the signature that lay there, got ${got}`;
  const { directory = '' } = parseAnyLocation(path) ?? {};
  const others = left.get(directory);
  const held = toHeld(file);
  // What rules exclude is still there.
  const isTold = others && code !== 'signature-excluded';
  return describeTaken(held, got, isTold ? findLacks(held, others) : []);
}

async function* toAsync<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}
