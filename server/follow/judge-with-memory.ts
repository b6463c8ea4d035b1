// The judge of a server, which remembers what it has judged before.
import type { PathBudgets } from '../../generator/terms/budgets.ts';
import { type Judge, PolicyJudge } from '../../generator/gate/judge.ts';
import {
  type ImageFile,
  type StoreMemory,
  createStoreMemory,
} from '../../generator/store/checkpoint/checkpoint.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import type { OpenMessage } from '../../generator/openpgp/open-message.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import {
  type Memory,
  createRememberingJudge,
} from '../../generator/store/checkpoint/remembering-judge.ts';
import type { VerdictFile } from '../../generator/store/checkpoint/verdict-file.ts';
import { createVerdictIds } from '../../generator/store/checkpoint/verdict-ids.ts';
import { createVerdictLines } from '../../generator/store/checkpoint/verdict-line.ts';
import {
  type VerdictTerms,
  createVerdictTerms,
} from '../../generator/store/checkpoint/shared-verdict.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';

/** A judge, and what it may remember of earlier runs. */
export interface StoreJudge extends Judge, Partial<Memory & StoreMemory> {
  /** Judges without using or changing what is remembered. */
  readonly anew?: Judge['judge'];
  /** For comparing with another judge's verdicts; absent where that is not possible. */
  readonly terms?: VerdictTerms;
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
  /** Where verdicts are remembered; undefined to judge anew at every start. */
  readonly verdicts: VerdictFile | undefined;
  /** Where the checkpoint is kept; undefined for none. */
  readonly image: ImageFile | undefined;
  readonly log: ProgramLog;
  /** Limits on the path of a file; the defaults if left out. */
  readonly paths?: PathBudgets;
}

/** Makes the judge for a policy. */
export function judgeWithMemory(options: JudgeMemory, policy: Policy): StoreJudge {
  const { openMessage, engines, gpgvVersion, verdicts, image, log, paths } = options;
  // Warnings are for reports; a server gives none.
  const expiryWarning = 0;
  const plain: Judge = new PolicyJudge({
    policy,
    openMessage,
    expiryWarning,
    ...(paths && { paths }),
  });
  const verdictTerms = createVerdictTerms(policy, createVerdictIds(policy, engines), gpgvVersion);
  const judge = verdicts
    ? createRememberingJudge(plain, policy, createVerdictLines(verdictTerms), verdicts)
    : plain;
  const own = { anew: plain.judge, terms: verdictTerms };
  if (!image) return { ...judge, ...own };
  const onUnused = (error: unknown): void =>
    log.info({ error: messageOf(error) }, 'the image of the store is of no use; all is looked at');
  const memory = createStoreMemory({
    ...image,
    judge,
    policy,
    verdictTerms,
    expiryWarning,
    effort: 'quick',
    leavesLapsed: true,
    onUnused,
  });
  return { ...judge, ...memory, ...own };
}
