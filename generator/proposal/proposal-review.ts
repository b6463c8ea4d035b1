// What a proposal adds to a signature repository, and what it takes away: the changed paths between two
// trees, each judged where it lies. What is new is judged by the rules of the new state, as it will be
// once it is served; whether something good is lost is judged by the rules that held before, lest a
// proposal changes the rules and takes away what they protected.
//
// Not told: what else becomes bad when rules change, beyond keys that a scope accepts no longer.
import { join } from 'node:path/posix';
import { checkEntries } from '../gate/check-entries.ts';
import type { CheckedFile, PublishableFile } from '../gate/checked-file.ts';
import type { Judge } from '../gate/judge.ts';
import { toEntries } from '../sources/git/objects/change.ts';
import type { GitObjects } from '../sources/git/objects/git-objects.ts';
import type { TreeItem } from '../sources/git/objects/tree-items.ts';
import { decodePath } from '../sources/decode-path.ts';
import type { Pass } from '../sources/source.ts';
import { MAX_SIGNATURES } from '../store/numbering.ts';
import {
  type AcceptedFile,
  type ReportedFile,
  formatClaims,
  rejectExcess,
  reportRejected,
} from '../store/report.ts';
import type { StateBudgets } from '../terms/budgets.ts';
import { formatLocation, parseLocation } from '../terms/location.ts';
import { isUndecided } from '../terms/rejection.ts';
import { type NumberedFiles, readNumberedFiles } from './digest-directory.ts';
import { type FileChange, readFileChanges } from './file-changes.ts';
import { type Loss, toLoss } from '../terms/loss.ts';

/** One of the two states that are compared. */
export interface ReviewedState {
  /** The published tree; undefined where there is none. */
  readonly tree: string | undefined;
  readonly judge: Judge;
}

export interface ProposalReviewOptions {
  readonly objects: GitObjects;
  readonly from: ReviewedState;
  readonly to: ReviewedState;
  /** Where the trees lie in the repository: '' or a path without slashes at its ends. */
  readonly prefix: string;
  readonly budgets: StateBudgets;
  readonly now: Date;
}

export interface ReviewedProposal {
  /** Every path that has other bytes than before, or is new. */
  readonly files: readonly ReportedFile[];
  readonly losses: readonly Loss[];
}

/** A good signature that is new under its path, without its bytes: a push may have a million of them. */
interface AddedFile extends Pick<PublishableFile, 'path' | 'directory'> {
  readonly id: string;
  readonly about: Omit<AcceptedFile, 'path' | 'servedAs'>;
}

/** Something that lay at a path before, and lies there no longer. */
interface GoneFile {
  readonly name: Buffer;
  readonly path: string;
  readonly item: TreeItem;
  readonly isReplaced: boolean;
}

/** Files that are gone and are judged together, at most. */
const BATCH = 512;

/** Reviews one proposal. */
export class ProposalReview {
  readonly #options: ProposalReviewOptions;
  readonly #pass: Pick<Pass, 'read'>;
  readonly #files: ReportedFile[] = [];
  readonly #added: AddedFile[] = [];
  readonly #gone: GoneFile[] = [];
  /** The digest directories of the new state that were looked into. */
  readonly #directories = new Map<string, Promise<NumberedFiles>>();

  constructor(options: ProposalReviewOptions) {
    this.#options = options;
    this.#pass = {
      read: async ({ id }) => (await options.objects.contents().ask(id)).bytes,
    };
  }

  /** Throws a StateRefusedError for a proposal over its budgets, and a SourceError. */
  async review(): Promise<ReviewedProposal> {
    const { objects, from, to, budgets } = this.#options;
    for await (const changes of readFileChanges(objects, from.tree, to.tree, budgets)) {
      await this.#take(changes);
    }
    // Git is asked for all directories at once: a question alone costs as much as many together.
    const added = await Promise.all(this.#added.map(async (one) => this.#report(one)));
    return { files: [...this.#files, ...added], losses: await this.#findLosses() };
  }

  async #take(changes: readonly FileChange[]): Promise<void> {
    const present = changes.filter(({ old, now }) => now && now.id !== old?.id);
    const ids = new Map(present.map(({ name, now }) => [decodePath(name).path, now?.id ?? '']));
    for await (const file of this.#judge(present, this.#options.to.judge)) {
      if (file.kind === 'publishable') this.#added.push(toAdded(file, ids.get(file.path) ?? ''));
      else if (file.kind === 'rejected')
        this.#files.push(reportRejected(file.path, file.rejection));
      else if (file.kind === 'ignored') this.#files.push({ path: file.path, status: 'ignored' });
    }
    for (const { name, old, now } of changes) {
      const { path } = decodePath(name);
      if (!old || old.id === now?.id || !parseLocation(path)) continue;
      this.#gone.push({ name, path, item: old, isReplaced: now !== undefined });
    }
  }

  async *#judge(changes: readonly FileChange[], judge: Judge): AsyncGenerator<CheckedFile> {
    const { objects, now } = this.#options;
    const entries = await toEntries(
      changes.map(({ name, now: item }) => ({ name, now: item, wasThere: false })),
      objects,
    );
    yield* checkEntries(this.#pass, toAsync(entries), judge, now);
  }

  /** With the number under which it is served if all that lies beside it is good. */
  async #report({ path, directory, id, about }: AddedFile): Promise<ReportedFile> {
    const beside = await this.#directory(directory);
    const number = [...new Set(beside.values())].indexOf(id) + 1;
    if (number > MAX_SIGNATURES) return reportRejected(path, rejectExcess(number));
    return { path, servedAs: `/${formatLocation(directory, number)}`, ...about };
  }

  /**
   * What lies in its directory under another number is not lost. What lies elsewhere is: nodes look where
   * it was, unless the new rules say that it belongs elsewhere.
   */
  async #findLosses(): Promise<readonly Loss[]> {
    const beside = await Promise.all(this.#gone.map(async (gone) => this.#liesBeside(gone)));
    const away = this.#gone.filter((_gone, at) => beside[at] !== true);
    const added = new Set(this.#added.map(({ id }) => id));
    const { from, to } = this.#options;
    return [
      ...(await this.#judgeGone(
        away.filter(({ item }) => !added.has(item.id)),
        from.judge,
      )),
      ...(await this.#judgeGone(
        away.filter(({ item }) => added.has(item.id)),
        to.judge,
      )),
    ];
  }

  /** Whether the same bytes lie in the same directory under another number. */
  async #liesBeside({ path, item }: GoneFile): Promise<boolean> {
    const { directory = '' } = parseLocation(path) ?? {};
    return [...(await this.#directory(directory)).values()].includes(item.id);
  }

  /** Those that were good where they lay; what was bad, or has expired since, is no loss. */
  async #judgeGone(gone: readonly GoneFile[], judge: Judge): Promise<readonly Loss[]> {
    const losses: Loss[] = [];
    for (let at = 0; at < gone.length; at += BATCH) {
      const batch = gone.slice(at, at + BATCH);
      const byPath = new Map(batch.map((one) => [one.path, one]));
      const changes = batch.map(({ name, item }) => ({ name, old: undefined, now: item }));
      for await (const file of this.#judge(changes, judge)) {
        const isOpen = file.kind === 'rejected' && isUndecided(file.rejection);
        if (file.kind !== 'publishable' && !isOpen) continue;
        const isReplaced = byPath.get(file.path)?.isReplaced === true;
        const code = isReplaced ? 'signature-replaced' : 'signature-removed';
        losses.push(toLoss(code, join(this.#options.prefix, file.path), describe(file)));
      }
    }
    return losses;
  }

  async #directory(directory: string): Promise<NumberedFiles> {
    const { objects, to } = this.#options;
    const known = this.#directories.get(directory);
    if (known) return known;
    const reading = readNumberedFiles(objects, to.tree, directory);
    this.#directories.set(directory, reading);
    return reading;
  }
}

function toAdded({ path, directory, signature }: PublishableFile, id: string): AddedFile {
  const { status, claims, signer, warnings } = signature;
  const about = { status, claims: formatClaims(claims), ...(signer && { signer }), warnings };
  return { path, directory, id, about };
}

function describe(file: CheckedFile): string {
  if (file.kind !== 'publishable') return 'expected the signature that lay there, got none';
  const { claims, signer } = file.signature;
  const by = signer === undefined ? '' : ` by ${signer.primaryFingerprint}`;
  return `expected the signature of ${JSON.stringify(claims.dockerReference)}${by}, got none`;
}

async function* toAsync<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}
