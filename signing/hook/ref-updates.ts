// What a push changes, as git tells a pre-receive hook (githooks(5)), and which of it is judged.
import pMap from 'p-map';
import type { LocalRepository } from '../../generator/proposal/local-repository.ts';
import { SourceError } from '../../generator/sources/source.ts';

/** One line of what the hook reads: `OLD NEW REF`. */
export interface RefUpdate {
  /** Undefined for a ref that is new. */
  readonly old: string | undefined;
  /** Undefined for a ref that is deleted. */
  readonly now: string | undefined;
  readonly ref: string;
}

/** What has to be said of one update. */
export type PlannedReview =
  | {
      readonly kind: 'review';
      /** Without `refs/heads/`. */
      readonly branch: string;
      /** Undefined where all of it is new. */
      readonly from: string | undefined;
      readonly to: string;
    }
  | { readonly kind: 'deletion'; readonly branch: string };

export interface ReviewPlan {
  /** The branch that is published; that of HEAD if undefined. */
  readonly branch: string | undefined;
  /** Whether pushes to other branches are judged too. */
  readonly isForAll: boolean;
}

const UPDATE = /^([0-9a-f]{40}(?:[0-9a-f]{24})?) ([0-9a-f]{40}(?:[0-9a-f]{24})?) (.+)$/;
const NOTHING = /^0+$/;
const HEADS = 'refs/heads/';
/** Refs that git is asked about at once. */
const CONCURRENCY = 4;

/**
 * Reads what git writes to the hook.
 * @throws SourceError for anything else.
 */
export function parseRefUpdates(text: string): readonly RefUpdate[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [, old = '', now = '', ref = ''] = UPDATE.exec(line) ?? [];
    if (ref === '') {
      const hint =
        'the command is for git, which starts it as the hook pre-receive of a repository';
      throw new SourceError(`expected lines OLD NEW REF, got ${JSON.stringify(line)}`, { hint });
    }
    return { old: idOf(old), now: idOf(now), ref };
  });
}

function idOf(name: string): string | undefined {
  return NOTHING.test(name) ? undefined : name;
}

/**
 * What of a push is judged: for the published branch all that differs from what it was, a force push
 * too, and all that it has where it is new. Of other branches, only what each adds to the published
 * one, since it left that.
 * @throws SourceError where nobody knows which branch is published, or where it is not there yet and
 * the push goes to others: it would pass unseen. Also for what is no commit.
 */
export async function planReviews(
  named: readonly RefUpdate[],
  repository: LocalRepository,
  { branch, isForAll }: ReviewPlan,
): Promise<readonly PlannedReview[]> {
  const published = await findPublished(branch, repository);
  const updates = await resolveRefs(named, repository);
  if (!isForAll) await refuseUnseen(updates, repository, published);
  const plans: PlannedReview[] = [];
  for (const update of updates) {
    const { old, now, ref } = update;
    if (!ref.startsWith(HEADS)) continue;
    if (ref === published || isForAll) await assertCommit(update, repository);
    const name = ref.slice(HEADS.length);
    if (ref === published) {
      plans.push(
        now === undefined
          ? { kind: 'deletion', branch: name }
          : { kind: 'review', branch: name, from: old, to: now },
      );
    } else if (isForAll && now !== undefined) {
      const tip = await repository.commitOf(published);
      const from = tip === undefined ? undefined : await repository.mergeBase(tip, now);
      plans.push({ kind: 'review', branch: name, from, to: now });
    }
  }
  return plans;
}

/** Git takes nothing else for a branch either, but only says so once the hook has agreed. */
async function assertCommit({ now, ref }: RefUpdate, repository: LocalRepository): Promise<void> {
  const type = now === undefined ? 'commit' : await repository.typeOf(now);
  if (type === 'commit') return;
  throw new SourceError(
    `${ref}: expected a commit, got ${type === undefined ? 'nothing' : `a ${type}`}`,
    {
      hint: 'push the commit itself: git push origin HEAD:BRANCH',
    },
  );
}

async function findPublished(
  branch: string | undefined,
  repository: LocalRepository,
): Promise<string> {
  const ref = branch === undefined ? 'HEAD' : `${HEADS}${branch}`;
  const published = await repository.referent(ref);
  if (published !== undefined) return published;
  if (branch !== undefined) return ref;
  const hint = 'name the branch that is published with --branch';
  throw new SourceError('HEAD of the repository names no branch', { hint });
}

/** With the refs that change: a push to a symbolic ref changes, or deletes, the one that it stands for. */
async function resolveRefs(
  updates: readonly RefUpdate[],
  repository: LocalRepository,
): Promise<readonly RefUpdate[]> {
  const resolve = async (update: RefUpdate): Promise<RefUpdate> => ({
    ...update,
    ref: (await repository.referent(update.ref)) ?? update.ref,
  });
  return pMap(updates, resolve, { concurrency: CONCURRENCY });
}

async function refuseUnseen(
  updates: readonly RefUpdate[],
  repository: LocalRepository,
  published: string,
): Promise<void> {
  const isElsewhere = updates.some(
    ({ now, ref }) => now !== undefined && ref.startsWith(HEADS) && ref !== published,
  );
  if (!isElsewhere || updates.some(({ ref }) => ref === published)) return;
  if ((await repository.commitOf(published)) !== undefined) return;
  const name = published.slice(HEADS.length);
  throw new SourceError(
    `the published branch ${name} does not exist, and this push does not make it`,
    {
      hint: `push to ${name} first; or, on the server, name the published branch with --branch, or with \`git symbolic-ref HEAD refs/heads/BRANCH\``,
    },
  );
}
