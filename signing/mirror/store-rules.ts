// The kinds of store that are mirrored: what their clients ask for, and whose signatures count there.
import type { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import { judgeRelease } from '../../generator/release/judge-release.ts';
import type { ReleaseKeyring } from '../../generator/release/release-keyring.ts';
import { MOST_RELEASE_SIGNATURES } from '../../generator/release/release-order.ts';
import { MAX_SIGNATURES } from '../../generator/store/numbering.ts';
import { type Rejection, isRejection, reject } from '../../generator/terms/rejection.ts';
import type { UpstreamSignature } from './mirror-report.ts';

export interface StoreRules {
  /** Clients ask for no more signatures of a manifest. */
  readonly mostSignatures: number;
  /** Whether clients go on behind what they could not read; else they stop there. All stop at a 404. */
  readonly passesOver: boolean;
  /** By the keys of the upstream, for the digest as hexadecimal digits. */
  readonly verify: (
    bytes: Uint8Array,
    digestHex: string,
    now: Date,
  ) => Promise<UpstreamSignature | Rejection>;
}

const MISPLACED = 'Tell those who run the upstream: it has a signature in a wrong directory.';

/** Of a store for nodes, which take a signature under whatever name: which names count is for others to say. */
export function toLookasideRules(judge: Pick<PlacingJudge, 'place'>): StoreRules {
  return {
    mostSignatures: MAX_SIGNATURES,
    passesOver: false,
    verify: async (bytes, digestHex, now) => {
      const placed = await judge.place(bytes, now);
      if (isRejection(placed)) return placed;
      if (placed.place.digestHex === digestHex) return placed.signature;
      return reject(
        'digest-mismatch',
        `expected the digest sha256:${digestHex}, got sha256:${placed.place.digestHex}`,
        { hint: MISPLACED },
      );
    },
  };
}

/** Of a store of OpenShift releases, as the cluster-version operator reads it (openshift/library-go, pkg/verify). */
export function toReleaseRules(keyrings: readonly ReleaseKeyring[]): StoreRules {
  return {
    mostSignatures: MOST_RELEASE_SIGNATURES,
    passesOver: true,
    verify: async (bytes, digestHex, now) => {
      const verdict = judgeRelease(bytes, `sha256:${digestHex}`, keyrings, now);
      const isMisplaced = isRejection(verdict) && verdict.code === 'digest-mismatch';
      return isMisplaced ? { ...verdict, hint: MISPLACED } : verdict;
    },
  };
}
