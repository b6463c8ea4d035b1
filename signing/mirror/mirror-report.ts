// What came of a mirroring, manifest by manifest.
import type { Signature } from '../../generator/gate/judge.ts';
import type { RefusedState } from '../../generator/store/report.ts';
import type { Rejection, RejectionCode } from '../../generator/terms/rejection.ts';
import type { Proposal, PushReport } from '../push/push-report.ts';
import type { WantedDigest } from './mirror-names.ts';
import type { Doubt } from './upstream.ts';

/** What is told of a signature that is good by the keys of the upstream. */
export type UpstreamSignature = Pick<Signature, 'claims' | 'signer'>;

/** A file of the upstream that the repository has, or would have. */
export interface TakenFile {
  /** Under which the upstream has it. */
  readonly number: number;
  /** As of a push. */
  readonly status: 'new' | 'would-be-new' | 'proposed' | 'there';
  /** From the root of the repository; undefined where it was not looked up. */
  readonly path: string | undefined;
  /** Undefined for what was asked for by its ETag alone. */
  readonly signature: UpstreamSignature | undefined;
}

/** A file of the upstream that does not come here. */
export interface UntakenFile {
  readonly number: number;
  /** `left-out`: good upstream, for a name that is not taken here, beside others that are. */
  readonly status: 'refused' | 'left-out';
  /** Who refuses it: the keys of the upstream, or the rules of the repository. */
  readonly by: 'upstream' | 'target';
  readonly rejection: Rejection;
  /** What the upstream has signed; undefined for what is not good by its keys. */
  readonly signature: UpstreamSignature | undefined;
}

export type MirroredFile = TakenFile | UntakenFile;

export function isTaken(file: MirroredFile): file is TakenFile {
  return file.status !== 'refused' && file.status !== 'left-out';
}

/** What became of the signatures of one manifest. */
export interface MirroredDigest {
  readonly wanted: WantedDigest;
  /**
   * `missing`: the upstream says that it has none. `refused`: none of those that it has is good, or taken here.
   * `unknown`: it did not say. `unasked`: the run was over before, as the store did not answer.
   */
  readonly status:
    'new' | 'would-be-new' | 'proposed' | 'there' | 'missing' | 'refused' | 'unknown' | 'unasked';
  readonly files: readonly MirroredFile[];
  /** Why there may be more upstream; undefined where it is known that there is not. */
  readonly doubt: Doubt | undefined;
}

export interface MirrorReport {
  readonly repository: string;
  readonly branch: string;
  /** The newest commit of the branch, or of the proposal; undefined where nothing is there. */
  readonly commit: string | undefined;
  readonly digests: readonly MirroredDigest[];
  readonly proposal?: Proposal;
  /** Why the repository would be refused with all of it; absent where it would not. */
  readonly refused?: RefusedState;
}

/** What a name that is not taken gets: the signature itself is good. */
const ABOUT_NAMES: ReadonlySet<RejectionCode> = new Set([
  'out-of-scope',
  'policy-rejects',
  'other-store',
  'repository-mismatch',
  'host-mismatch',
  'identity-mismatch',
]);

/** Puts together what is known of a manifest. */
export function concludeDigest(
  wanted: WantedDigest,
  files: readonly MirroredFile[],
  doubt: Doubt | undefined,
): MirroredDigest {
  const statuses = new Set(files.map(({ status }) => status));
  const taken = (['new', 'would-be-new', 'proposed', 'there'] as const).find((status) =>
    statuses.has(status),
  );
  if (taken !== undefined) {
    return { wanted, status: taken, files: files.map(leaveOut), doubt };
  }
  const status = files.length > 0 ? 'refused' : doubt ? 'unknown' : 'missing';
  return { wanted, status, files, doubt };
}

/** A vendor signs one manifest under many names, of which some are of no use here. */
function leaveOut(file: MirroredFile): MirroredFile {
  if (isTaken(file) || file.by === 'upstream') return file;
  return ABOUT_NAMES.has(file.rejection.code) ? { ...file, status: 'left-out' } : file;
}

/** 0: all are there; 1: some are missing or refused; 2: of some the upstream did not say. */
export function exitCodeOf({ digests, refused }: MirrorReport): 0 | 1 | 2 {
  const isUnknown = digests.some(
    ({ status, doubt }) =>
      status === 'unknown' || status === 'unasked' || doubt?.isPassing === true,
  );
  if (isUnknown) return 2;
  const isFaulty = digests.some(
    ({ status, files }) => status === 'missing' || files.some((file) => file.status === 'refused'),
  );
  return isFaulty || refused ? 1 : 0;
}

/** The part of a push's report that is about the repository. */
export type RepositoryReport = Pick<
  PushReport,
  'repository' | 'branch' | 'commit' | 'proposal' | 'refused'
>;
