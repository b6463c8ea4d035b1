// The judge of a server: what it has judged before it knows again.
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

/** A judge, and what it may know of earlier runs. */
export interface StoreJudge extends Judge, Partial<Memory & StoreMemory> {
  /** Judges without what it remembers, and remembers nothing. */
  readonly anew?: Judge['judge'];
  /** Tells whether another judge would say the same; absent where that cannot be told. */
  readonly terms?: VerdictTerms;
}

export interface JudgeMemory {
  readonly openMessage: OpenMessage;
  /**
   * What made verdicts that are remembered, but for gpgv: changes when another version might judge
   * otherwise.
   */
  readonly engines: string;
  /** The version of the gpgv that is here now; undefined while none is. */
  readonly gpgvVersion: () => string | undefined;
  /** Where verdicts are remembered; undefined to judge anew at every start. */
  readonly verdicts: VerdictFile | undefined;
  /** Where an image of the store is kept; undefined for none. */
  readonly image: ImageFile | undefined;
  readonly log: ProgramLog;
  /** What the path of a file may be; the default where it is left out. */
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
