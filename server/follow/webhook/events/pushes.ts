// What the forges say of a push: which refs were changed, and what they are at now.
import { z } from 'zod';

/** A ref that was pushed. */
export interface PushedRef {
  /** In full: `refs/heads/main`. */
  readonly ref: string;
  /** What it is at now; undefined if it was deleted, or if that is not told. */
  readonly commit: string | undefined;
}

/** A delivery that tells of a push. */
export interface Push {
  readonly kind: 'push';
  readonly refs: readonly PushedRef[];
}

/** Of the payload; undefined for one that is not what the forge sends. */
export type ReadPush<Other = never> = (payload: unknown) => Push | Other | undefined;

/** Object names; zeros stand for none. */
const COMMIT = /^(?!0+$)(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const commit = z.string().regex(COMMIT).optional().catch(undefined);

const gitPush = z
  .object({ ref: z.string(), after: commit })
  .transform(({ ref, after }) => [{ ref, commit: after }]);

/** GitHub's, which Forgejo, Gitea, Gogs and GitLab have too. */
export const readGitPush: ReadPush = (payload) => toPush(gitPush.safeParse(payload));

const repositoryUpdate = z
  .object({ changes: z.array(gitPush) })
  .transform(({ changes }) => changes.flat());

/** GitLab's `repository_update`: a push as a whole, of many branches, too. */
export const readRepositoryUpdate: ReadPush = (payload) =>
  toPush(repositoryUpdate.safeParse(payload));

const BRANCH = z.literal(['branch', 'named_branch']);
const bitbucketRef = z.object({ type: z.string(), name: z.string() });
const cloudChange = z
  .object({
    new: bitbucketRef.extend({ target: z.object({ hash: commit }) }).nullable(),
    old: bitbucketRef.nullish(),
  })
  .transform(({ new: now, old }): PushedRef[] => {
    const changed = now ?? old;
    if (!changed) return [];
    const kind = BRANCH.safeParse(changed.type).success ? 'heads' : 'tags';
    return [{ ref: `refs/${kind}/${changed.name}`, commit: now?.target.hash }];
  });
const cloudPush = z
  .object({ push: z.object({ changes: z.array(cloudChange) }) })
  .transform(({ push }) => push.changes.flat());

/** Bitbucket Cloud's `repo:push`: `new` is null for what was deleted. */
export const readCloudPush: ReadPush = (payload) => toPush(cloudPush.safeParse(payload));

const dataCenterChange = z
  .object({ ref: z.object({ id: z.string() }), toHash: commit })
  .transform(({ ref, toHash }) => ({ ref: ref.id, commit: toHash }));
const dataCenterPush = z
  .object({ changes: z.array(dataCenterChange) })
  .transform(({ changes }) => changes);

/** Bitbucket Data Center's `repo:refs_changed`. */
export const readDataCenterPush: ReadPush = (payload) => toPush(dataCenterPush.safeParse(payload));

const azureUpdate = z
  .object({ name: z.string(), newObjectId: commit })
  .transform(({ name, newObjectId }) => ({ ref: name, commit: newObjectId }));
const azurePush = z
  .object({ resource: z.object({ refUpdates: z.array(azureUpdate) }) })
  .transform(({ resource }) => resource.refUpdates);

/** Azure DevOps' `git.push`. */
export const readAzurePush: ReadPush = (payload) => toPush(azurePush.safeParse(payload));

function toPush(parsed: z.ZodSafeParseResult<readonly PushedRef[]>): Push | undefined {
  return parsed.success ? { kind: 'push', refs: parsed.data } : undefined;
}
