// The judge of a server, which remembers what it has judged before.
import type { PathBudgets } from '../../generator/terms/budgets.ts';
import type { Judge } from '../../generator/gate/judge.ts';
import { createJudge } from '../../generator/gate/release-judge.ts';
import { Checkpoint } from '../../generator/store/checkpoint/checkpoint.ts';
import type { CheckpointFile } from '../../generator/store/checkpoint/checkpoint-file.ts';
import {
  SharedVerdicts,
  createVerdictIds,
} from '../../generator/store/checkpoint/shared-verdict.ts';
import type { OpenMessage } from '../../generator/openpgp/open-message.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { messageOf } from '../../generator/terms/errors.ts';

/** A judge, and what it may know of earlier runs. */
export interface StoreJudge extends Judge {
  /** Absent where nothing outlives this run. */
  readonly checkpoint?: Checkpoint;
  /** Tells whether another judge would say the same; absent where that cannot be told. */
  readonly sharedVerdicts?: Pick<SharedVerdicts, 'format' | 'parse'>;
}

export interface JudgeMemory {
  readonly openMessage: OpenMessage;
  /**
   * Names what made the verdicts, apart from gpgv; changes when another version might judge
   * differently.
   */
  readonly engines: string;
  /** The version of gpgv now; undefined while there is none. */
  readonly gpgvVersion: () => string | undefined;
  /** Undefined to judge anew at every start. */
  readonly checkpointFile: CheckpointFile | undefined;
  readonly log: ProgramLog;
  /** Limits on the path of a file; the defaults if left out. */
  readonly paths?: PathBudgets;
}

/** Makes the judge for a policy. */
export function judgeWithMemory(options: JudgeMemory, policy: Policy): StoreJudge {
  const { openMessage, engines, gpgvVersion, checkpointFile, log, paths } = options;
  // Warnings are for reports; a server gives none.
  const expiryWarning = 0;
  const judge: Judge = createJudge({
    policy,
    openMessage,
    expiryWarning,
    ...(paths && { paths }),
  });
  const idOf = createVerdictIds(policy, engines);
  const sharedVerdicts = new SharedVerdicts(policy, idOf, gpgvVersion);
  if (!checkpointFile) return { ...judge, sharedVerdicts };
  const checkpoint = new Checkpoint({
    file: checkpointFile,
    judge,
    policy,
    sharedVerdicts,
    expiryWarning,
    effort: 'quick',
    leavesLapsed: true,
    onUnused: (error) =>
      log.info(
        { error: messageOf(error) },
        'the checkpoint cannot be used; every file is judged again',
      ),
  });
  return { ...judge, sharedVerdicts, checkpoint };
}
