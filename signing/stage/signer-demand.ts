// Who must have signed an image before it is promoted: for its list, and for each of its platforms.
import type { Signature } from '../../generator/gate/judge.ts';
import type { KeyInfo } from '../../generator/openpgp/keyring.ts';
import { type SignedIdentity, matchesIdentity } from '../../generator/policy/signed-identity.ts';
import { type DockerReference, parseDockerReference } from '../../generator/terms/image-name.ts';
import { type BadFile, type Stage, countsFor } from './stage.ts';

/** A signature by one of these keys is demanded. */
export interface SignerDemand {
  readonly keys: readonly [KeyInfo, ...KeyInfo[]];
  /** Under which names it counts, where a scope says more than the scope of the image. */
  readonly signedIdentity?: SignedIdentity | undefined;
}

/** Somebody who has signed a manifest. */
export interface FoundSigner {
  /** Of the primary key: upper-case hex. */
  readonly fingerprint: string;
  readonly name: string;
  /** When the newest such signature was made, in milliseconds since 1970, as it says itself. */
  readonly signedAt: number;
}

/** What a stage says of one manifest. */
export interface Assessment {
  readonly signers: readonly FoundSigner[];
  /** Demands that nobody meets; empty for what may be promoted. */
  readonly missing: readonly SignerDemand[];
  /** The signatures that meet the demands. */
  readonly proof: readonly Signature[];
  /** What lies there and counts for nothing. */
  readonly bad: readonly BadFile[];
}

/** Asks a stage who has signed a manifest of an image, under the name that nodes pull there. */
export async function assess(
  stage: Stage,
  image: DockerReference,
  digestHex: string,
  demands: readonly SignerDemand[],
): Promise<Assessment> {
  const { good, bad } = await stage.find(image, digestHex);
  const counting = good.filter(
    (signature) =>
      signature.claims.manifestDigest === `sha256:${digestHex}` &&
      countsFor(stage.policy, image, signature),
  );
  const meets = (demand: SignerDemand): readonly Signature[] =>
    counting.filter((signature) => meetsDemand(signature, demand, image));
  const names = new Map(
    stage.policy.keyring?.keys.map((key) => [key.fingerprint, nameOfSigner(key)]),
  );
  const signers = new Map<string, FoundSigner>();
  for (const { signer, signedAt } of counting) {
    const fingerprint = signer?.primaryFingerprint ?? '';
    const newest = Math.max(signedAt, signers.get(fingerprint)?.signedAt ?? -Infinity);
    const name = names.get(fingerprint) ?? fingerprint;
    signers.set(fingerprint, { fingerprint, name, signedAt: newest });
  }
  return {
    signers: [...signers.values()],
    missing: demands.filter((demand) => meets(demand).length === 0),
    proof: [...new Set(demands.flatMap(meets))],
    bad,
  };
}

function meetsDemand(
  { signer, claims }: Signature,
  { keys, signedIdentity }: SignerDemand,
  image: DockerReference,
): boolean {
  if (!keys.some(({ fingerprint }) => fingerprint === signer?.primaryFingerprint)) return false;
  if (signedIdentity === undefined) return true;
  const identity = parseDockerReference(claims.dockerReference);
  return identity !== undefined && matchesIdentity(signedIdentity, image, identity);
}

/** Its first user ID, or its fingerprint. */
function nameOfSigner({ fingerprint, userIds }: KeyInfo): string {
  return userIds[0] ?? fingerprint;
}

/** A demand for people: `FINGERPRINT (Team QA <qa@example.com>) or …`. */
export function describeDemand({ keys }: SignerDemand): string {
  return keys
    .map((key) => {
      const name = nameOfSigner(key);
      return name === key.fingerprint ? name : `${key.fingerprint} (${name})`;
    })
    .join(' or ');
}
