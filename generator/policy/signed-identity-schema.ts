// `signedIdentity` as containers-policy.json(5) writes it, in policy files and in our own
// configuration (containers/image signature/policy_config.go).
import { z } from 'zod';
import { isNamePrefix, parseDockerReference } from '../terms/image-name.ts';
import type { SignedIdentity } from './signed-identity.ts';

const plain = z.strictObject({
  type: z.enum(['matchExact', 'matchRepoDigestOrExact', 'matchRepository']),
});

const exactReference = z
  .strictObject({ type: z.literal('exactReference'), dockerReference: z.string() })
  .transform(({ type, dockerReference }, context): SignedIdentity => {
    const reference = parseDockerReference(dockerReference);
    if (reference && (reference.tag !== undefined || reference.digest !== undefined)) {
      return { type, reference };
    }
    const got = JSON.stringify(dockerReference);
    context.addIssue(`expected an image name with a tag or digest in dockerReference, got ${got}`);
    return z.NEVER;
  });

const exactRepository = z
  .strictObject({ type: z.literal('exactRepository'), dockerRepository: z.string() })
  .transform(({ type, dockerRepository }, context): SignedIdentity => {
    const repository = parseDockerReference(dockerRepository);
    if (repository) return { type, repository };
    const got = JSON.stringify(dockerRepository);
    context.addIssue(`expected an image name in dockerRepository, got ${got}`);
    return z.NEVER;
  });

const prefix = z.string().refine((text) => isNamePrefix(text), {
  error: (issue) => `expected HOST or HOST/NAMESPACE, got ${JSON.stringify(issue.input)}`,
});

const remapIdentity = z.strictObject({
  type: z.literal('remapIdentity'),
  prefix,
  signedPrefix: prefix,
});

/** Any of the six types; unknown members are errors, as for nodes. */
export const signedIdentitySchema: z.ZodType<SignedIdentity> = z.discriminatedUnion(
  'type',
  [plain, exactReference, exactRepository, remapIdentity],
  { error: 'expected one of the six types of containers-policy.json' },
);
