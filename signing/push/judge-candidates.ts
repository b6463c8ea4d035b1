// The gate's word on each candidate: where it belongs by what it signs, and whether nodes with the
// policy of the signature repository would accept it there.
import pMap from 'p-map';
import type { Signature } from '../../generator/gate/judge.ts';
import type { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import type { ImageDirectory } from '../../generator/terms/location.ts';
import { type Rejection, isRejection } from '../../generator/terms/rejection.ts';
import type { Candidate } from '../gather/candidate.ts';

/** A candidate that nodes would accept at its place. */
export interface GoodCandidate {
  readonly candidate: Candidate;
  readonly place: ImageDirectory;
  readonly signature: Signature;
}

/** A candidate that may not be published. */
export interface BadCandidate {
  readonly candidate: Candidate;
  readonly rejection: Rejection;
}

export type JudgedCandidate = GoodCandidate | BadCandidate;

export function isBad(judged: JudgedCandidate): judged is BadCandidate {
  return 'rejection' in judged;
}

/** Judged at once. */
const AT_ONCE = 64;

/** Judges candidates as of a time, in their order; tells of each that is done. */
export async function judgeCandidates(
  candidates: readonly Candidate[],
  judge: Pick<PlacingJudge, 'place' | 'placeAt'>,
  now: Date,
  onJudged: () => void = () => undefined,
): Promise<readonly JudgedCandidate[]> {
  const judgeOne = async (candidate: Candidate): Promise<JudgedCandidate> => {
    const { bytes, place, rejection } = candidate;
    const verdict =
      rejection ?? (await (place ? judge.placeAt(place, bytes, now) : judge.place(bytes, now)));
    onJudged();
    return isRejection(verdict) ? { candidate, rejection: verdict } : { candidate, ...verdict };
  };
  return pMap(candidates, judgeOne, { concurrency: AT_ONCE });
}
