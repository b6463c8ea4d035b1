// What a node says of a release's signature, if its policy trusts the keys of the release for it (`signedBy`, without
// a `signedIdentity`).
import { parseClaims } from '../../generator/gate/claims.ts';
import { PolicyJudge } from '../../generator/gate/judge.ts';
import type { OpenMessage } from '../../generator/openpgp/open-message.ts';
import { readUsableKeyring } from '../../generator/openpgp/read-keyring.ts';
import { parseSignatureFile } from '../../generator/openpgp/signature-file.ts';
import { createSimplePolicy } from '../../generator/policy/policy.ts';
import {
  DEFAULT_IDENTITY,
  formatReference,
  matchesIdentity,
} from '../../generator/policy/signed-identity.ts';
import type { JudgeForNode } from '../../generator/release/check-release.ts';
import type { ReleaseKeyring } from '../../generator/release/release-keyring.ts';
import { type DockerReference, parseDockerReference } from '../../generator/terms/image-name.ts';
import { isRejection, reject } from '../../generator/terms/rejection.ts';

const MIRRORED =
  'Nodes take it where they pull by the signed name, through a mirror in registries.conf (as an ImageDigestMirrorSet writes it), or where their policy has a `signedIdentity` of type remapIdentity.';

/**
 * A judge of signatures for the image as nodes pull it; without one, for a pull by digest of the image that the
 * signature names.
 */
export async function createNodeJudge(
  keyrings: readonly ReleaseKeyring[],
  openMessage: OpenMessage,
  image: DockerReference | undefined,
): Promise<JudgeForNode> {
  const { keyring } = await readUsableKeyring(keyrings);
  const policy = await createSimplePolicy(keyring);
  const judge = new PolicyJudge({ policy, openMessage, expiryWarning: 0 });
  return async (bytes, digestHex) => {
    const now = new Date();
    const file = parseSignatureFile(bytes);
    if (isRejection(file)) return file;
    const opened = await openMessage(file.untrustedMessage, keyring, now);
    if (isRejection(opened)) return opened;
    const claims = parseClaims(opened.untrustedPayload);
    if (isRejection(claims)) return claims;
    const named = parseDockerReference(claims.dockerReference);
    if (!named) {
      return reject('invalid-identity', 'the signed name is no image that a node could pull');
    }
    // Where it lies says nothing of whether it is good: that is a matter of the name alone.
    const { repository } = named;
    const directory = `${repository}@sha256=${digestHex}`;
    const verdict = await judge.judge({ directory, repository, digestHex, number: 1 }, bytes, now);
    if (isRejection(verdict)) return verdict;
    if (!image || matchesIdentity(DEFAULT_IDENTITY, image, named)) return undefined;
    const message = `signed as ${claims.dockerReference}, which is not accepted for ${formatReference(image)}`;
    return reject('identity-mismatch', message, { hint: MIRRORED });
  };
}
