// Git commands that every refresh takes, run by shells that were started while this process was
// small: one for what a refresh waits for, one for what takes long.
import { toComplaint } from '../system/output-tail.ts';
import type { Environment } from './git-child.ts';
import { FETCHED, PUBLISHED } from './git-repository.ts';
import { chooseProcessor } from './give-way.ts';
import { GitRunner } from './git-runner.ts';
import { SourceError } from './source.ts';
import { resolveUrl, transferBranch } from './transfer-branch.ts';

/** Packing a million objects takes minutes, and says nothing. Milliseconds. */
const PACKING_LIMIT = 60 * 60_000;
const PACKING = { silence: PACKING_LIMIT, deadline: PACKING_LIMIT };
/** Git counts its loose objects about every so many published states; the first is one. */
const TIDY_EVERY = 32;

export interface GitHelpers {
  /** The newest commit of a branch, with its objects; undefined where only `git fetch` can tell. */
  readonly transfer: (url: string, branch: string) => Promise<string | undefined>;
  /** Protects the newest commit and the published one; both must be whole. */
  readonly note: (fetched: string, published: string) => Promise<void>;
  /** Now and then packs loose objects, in the background; rejects if it failed the last time. */
  readonly tidy: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** For the clone at `directory`, whatever lies there. `ending` stops what runs. */
export function openGitHelpers(
  directory: string,
  environment: Environment,
  ending: AbortSignal | undefined,
): GitHelpers {
  const located = { ...environment, GIT_DIR: directory };
  // A transfer is the work of several processes at once, and lookups have the other processors then.
  const processor = chooseProcessor();
  const openPrompt = (): GitRunner => new GitRunner(located, { ending, processor });
  const openPatient = (): GitRunner => new GitRunner(located, { limits: PACKING, ending });
  let prompt = openPrompt();
  let patient = openPatient();
  let address: string | undefined;
  let keeps = 0;
  let tidying: Promise<void> | undefined;
  let trouble: Error | undefined;

  const ready = (): GitRunner => {
    if (prompt.hasEnded()) prompt = openPrompt();
    return prompt;
  };
  const pack = async (): Promise<void> => {
    if (patient.hasEnded()) patient = openPatient();
    await runOrThrow(patient, ['gc', '--auto', '--quiet']).catch((error: unknown) => {
      if (!ending?.aborted) trouble = error instanceof Error ? error : new Error(String(error));
    });
    tidying = undefined;
  };

  return {
    transfer: async (url, branch) => {
      // Where this process has fetched from; settings of the user that change are seen at a start.
      address ??= await resolveUrl(ready(), url);
      return transferBranch(ready(), address, branch);
    },
    note: async (fetched, published) => {
      await runOrThrow(ready(), ['update-ref', FETCHED, fetched]);
      await runOrThrow(ready(), ['update-ref', PUBLISHED, published]);
    },
    tidy: async () => {
      if (keeps++ % TIDY_EVERY === 0) tidying ??= pack();
      const error = trouble;
      trouble = undefined;
      if (error) throw error;
    },
    close: async () => {
      // In a run that is over at once there is no other time to pack.
      await tidying;
      await Promise.all([prompt.close(), patient.close()]);
    },
  };
}

async function runOrThrow(runner: GitRunner, args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runner.run(args);
  if (exitCode !== 0) throw new SourceError(`git ${args[0]} failed: ${toComplaint(stderr)}`);
}
