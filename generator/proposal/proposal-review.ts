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
import { MAX_SIGNATURES } from '../store/numbering.ts';
import {
  type AcceptedFile,
  type ReportedFile,
  formatClaims,
  rejectExcess,
  reportIgnored,
  reportRejected,
} from '../store/report.ts';
import { DEFAULT_BUDGETS, type StateBudgets } from '../terms/budgets.ts';
import { formatLocation, parseDirectory, parseLocation, shortenPath } from '../terms/location.ts';
import { isUndecided } from '../terms/rejection.ts';
import { ConcernedPlaces } from './concerned-places.ts';
import { DigestDirectories } from './digest-directories.ts';
import { type FileChange, readFileChanges } from './file-changes.ts';
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
}

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
  readonly #addedIds = new Set<string>();
  readonly #gone: EndangeredFile[] = [];
  /** Paths of signatures that changed in any way. */
  readonly #changed = new Set<string>();
  /** Those of the new state. */
  readonly #directories: DigestDirectories;

  constructor(options: ProposalReviewOptions) {
    const { objects, to } = options;
    this.#options = options;
    this.#pass = { read: async ({ id }) => (await objects.contents().ask(id)).bytes };
    this.#directories = new DigestDirectories(objects, to.judge.paths);
  }

  /** Throws a StateRefusedError for a proposal or a new state over its budgets, and a SourceError. */
  async review(): Promise<ReviewedProposal> {
    const { objects, from, to, budgets } = this.#options;
    for await (const changes of readFileChanges(objects, from.tree, to.tree, budgets)) {
      await this.#take(changes);
    }
    // Git is asked for all directories at once: a question alone costs as much as many together.
    const added = await Promise.all(this.#added.map(async (one) => this.#report(one)));
    const { lost, isCut } = await this.#findLosses();
    const losses = lost.map(({ file: { path, code }, checked }) =>
      toLoss(code, join(from.subtree, path), describe(checked, code)),
    );
    return { files: [...this.#files, ...added], losses, isCut };
  }

  async #take(changes: readonly FileChange[]): Promise<void> {
    const present = changes.filter(({ old, now }) => now && !isSame(old, now));
    const byPath = new Map(present.map((change) => [decodePath(change.name).path, change]));
    for await (const file of this.#judge(present, this.#options.to.judge)) {
      if (file.kind === 'publishable') {
        const added = toAdded(file, byPath.get(file.path));
        this.#added.push(added);
        this.#addedIds.add(added.id);
      } else if (file.kind === 'rejected')
        this.#files.push(reportRejected(file.path, file.rejection));
      else if (file.kind === 'ignored') this.#files.push(reportIgnored(file.path));
    }
    for (const { name, old, now, directory: tree } of changes) {
      const { path } = decodePath(name);
      if (isSame(old, now) || !parseLocation(path)) continue;
      this.#changed.add(path);
      const code = now === undefined ? 'signature-removed' : 'signature-replaced';
      if (old) this.#gone.push({ name, path, item: old, tree, code, isOpen: false });
    }
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
  async #report({ path, directory, id, tree, about }: AddedFile): Promise<ReportedFile> {
    const beside = await this.#directories.idsIn(directory, tree);
    if (beside.length > MAX_SIGNATURES) return reportRejected(path, rejectExcess(beside.length));
    const number = beside.indexOf(id) + 1;
    return { path, servedAs: `/${formatLocation(directory, number)}`, ...about };
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
    return { lost: [...removed, ...(await this.#dropServed(excluded))], isCut: false };
  }

  /**
   * What was good by the old rules, and is not served by what the proposal adds. What lies in its
   * directory under another number still is. What lies elsewhere is lost, since nodes look where it was,
   * unless the new rules say that it belongs elsewhere.
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
      const isServed = belongs ? beside[at] === true : this.#addedIds.has(file.item.id);
      return isServed ? [] : { file, checked, belongs };
    });
  }

  /** Without what belongs elsewhere and is served from there. */
  async #dropServed(lost: readonly LostFile[]): Promise<LostFile[]> {
    const moved = lost.filter(({ belongs }) => !belongs).map(({ file: { item } }) => item.id);
    const served = await this.#selectServed(new Set(moved));
    return lost.filter(({ file, belongs }) => belongs || !served.has(file.item.id));
  }

  /** Whether the same bytes lie in the same directory, where they can be served. */
  async #liesBeside({ path, item, tree }: EndangeredFile): Promise<boolean> {
    const { directory = '' } = parseLocation(path) ?? {};
    return (await this.#directories.idsIn(directory, tree)).includes(item.id);
  }

  /** Which files, by their object names, did not change and are served from anywhere. */
  async #selectServed(ids: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const served = new Set<string>();
    if (ids.size === 0) return served;
    for await (const kept of this.#readKept(ConcernedPlaces.everywhere)) {
      const asked = kept.filter(({ item: { id } }) => ids.has(id) && !served.has(id));
      for await (const { file, checked } of this.#judgeFiles(asked, this.#options.to.judge)) {
        if (checked.kind === 'publishable') served.add(file.item.id);
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

  /** The signatures at some places that did not change. */
  async *#readKept(places: ConcernedPlaces): AsyncGenerator<readonly EndangeredFile[]> {
    const { objects, to, stateBudgets } = this.#options;
    const passesOver = (directory: Buffer): boolean => {
      const place = parseDirectory(decodePath(directory).path);
      return place !== undefined && !places.has(place.repository);
    };
    const walk = readFileChanges(objects, undefined, to.tree, stateBudgets, passesOver);
    for await (const files of walk) {
      yield files.flatMap(({ name, now: item, directory: tree }): readonly EndangeredFile[] => {
        const { path } = decodePath(name);
        if (!item || !parseLocation(path) || this.#changed.has(path)) return [];
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

function toAdded(
  { path, directory, signature }: PublishableFile,
  change: FileChange | undefined,
): AddedFile {
  const { status, claims, signer, warnings } = signature;
  const about = { status, claims: formatClaims(claims), ...(signer && { signer }), warnings };
  return { path, directory, id: change?.now?.id ?? '', tree: change?.directory, about };
}

function describe(file: CheckedFile, code: LossCode): string {
  const got = code === 'signature-excluded' ? 'got rules that exclude it' : 'got none';
  if (file.kind !== 'publishable') return `expected the signature that lay there, ${got}`;
  const { claims, signer } = file.signature;
  const by = signer === undefined ? '' : ` by ${signer.primaryFingerprint}`;
  return `expected the signature of ${JSON.stringify(claims.dockerReference)}${by}, ${got}`;
}

async function* toAsync<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}
