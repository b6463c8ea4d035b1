// What is told of a push, to people and as JSON.
import type { Signature, Warning } from '../../generator/gate/judge.ts';
import type { RefusedState } from '../../generator/store/report.ts';
import type { Rejection } from '../../generator/terms/rejection.ts';

/** What became of one candidate; paths are from the root of the repository. */
export type PushedSignature =
  | {
      /**
       * `new`: it is in the repository now; `would-be-new`: it would be, but for a dry run or others that
       * are refused; `there`: it was there before; `proposed`: an earlier run has proposed the like.
       */
      readonly status: 'new' | 'would-be-new' | 'there' | 'proposed';
      readonly origin: string;
      readonly path: string;
      /** Whether the file there has these very bytes, or only says the same by the same signer. */
      readonly isSame: boolean;
      readonly signature: Signature;
      /** Of the gate, about the directory as it is then. */
      readonly warnings: readonly Warning[];
    }
  | { readonly status: 'refused'; readonly origin: string; readonly rejection: Rejection };

/** What asks to be merged. */
export interface Proposal {
  /** The branch that was pushed; undefined where the git host keeps none. */
  readonly branch: string | undefined;
  /** Where people find the request, or open one; undefined where nobody said. */
  readonly link: string | undefined;
  /** Whether the request is open, as far as is known; else a person has to open it. */
  readonly isOpen: boolean;
  /** Whether an earlier run has proposed the same, and nothing was pushed now. */
  readonly isEarlier?: true;
}

export interface PushReport {
  readonly repository: string;
  readonly branch: string;
  /** The commit that has them all; undefined where nothing is there. */
  readonly commit: string | undefined;
  /** How many commits it took, as others pushed too; 0 where nothing was pushed. */
  readonly attempts: number;
  /** Whether nothing may change: in a dry run, or because some are refused. */
  readonly isHeldBack: boolean;
  /** Why the repository would be refused with all of it; absent where it would not. */
  readonly refused?: RefusedState;
  /** In the order of the candidates. */
  readonly signatures: readonly PushedSignature[];
  readonly proposal?: Proposal;
}

/** Whether the very bytes of a candidate are in the repository. */
export function isInRepository(
  one: PushedSignature | undefined,
): one is Exclude<PushedSignature, { readonly status: 'refused' }> {
  if (one === undefined || one.status === 'refused') return false;
  return one.isSame && (one.status === 'new' || one.status === 'there');
}
