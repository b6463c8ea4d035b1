import type { Signature, Warning } from '../../generator/gate/judge.ts';
import { defaultPlace, findPlace } from '../../generator/gate/place.ts';
import type { PlacedSignature } from '../../generator/gate/placing-judge.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { ImageDirectory } from '../../generator/terms/location.ts';
import type { RefusedState } from '../../generator/store/report.ts';
import { type Rejection, isRejection } from '../../generator/terms/rejection.ts';
import type { Proposal } from '../push/push-report.ts';
import { type Statement, toClaims } from './statement.ts';

/** Where signatures go: a signature repository, or a directory. */
export interface Destination {
  /** For people. */
  readonly name: string;
  /** By which signatures are judged there. */
  readonly policy: Policy;
  /** The good signatures by a key that make some of the statements there already, by `statementId`. */
  readonly findMade: (
    statements: readonly Statement[],
    fingerprint: string,
  ) => Promise<ReadonlyMap<string, MadeSignature>>;
  /** What the gate says of a new signature, at the place where it belongs and as of now. */
  readonly judge: (bytes: Uint8Array) => Promise<PlacedSignature | Rejection>;
  /** Adds signatures to what is there; all of them, or none where one is refused. */
  readonly deliver: (signatures: readonly PlacedSignature[]) => Promise<Delivery>;
  readonly close: () => Promise<void>;
}

/** A good signature that is there. */
export interface MadeSignature {
  /** From the root of the repository or directory. */
  readonly path: string;
  readonly signature: Signature;
}

/** What became of signatures at their destination. */
export interface Delivery {
  /** The commit that has them; undefined where there is none. */
  readonly commit: string | undefined;
  /** In the order of the signatures; undefined for one that is held back for the fault of others. */
  readonly delivered: readonly (Delivered | Rejection | undefined)[];
  /** Why the repository would be refused with them: nothing went there. */
  readonly refused?: RefusedState;
  /** What asks for a merge, and into which branch, where they are only proposed. */
  readonly proposal?: Proposal & { readonly into: string };
}

/** A signature that is there. */
export interface Delivered {
  /** From the root of the repository or directory. */
  readonly path: string;
  /** False where somebody else has brought the like meanwhile. */
  readonly isNew: boolean;
  /** Whether an earlier run has proposed the like, and it is not there yet. */
  readonly isProposed?: boolean;
  /** Of the gate. */
  readonly warnings: readonly Warning[];
}

/** Where a signature of a statement belongs; undefined where nodes look nowhere for it. */
export function placeOf(policy: Policy, statement: Statement): ImageDirectory | undefined {
  const claims = toClaims(statement, null, null);
  const place = findPlace(policy, claims, '') ?? defaultPlace(claims);
  return isRejection(place) ? undefined : place;
}

/** Which of some good signatures makes a statement, by a key. */
export function findMaker(
  { identity, digestHex }: Statement,
  fingerprint: string,
  signatures: readonly MadeSignature[],
): MadeSignature | undefined {
  return signatures.find(
    ({ signature: { claims, signer } }) =>
      signer?.primaryFingerprint === fingerprint &&
      claims.dockerReference === identity &&
      claims.manifestDigest === `sha256:${digestHex}`,
  );
}
