// Repositories whose images are mirrored, as the configuration file and flags write them.
import { z } from 'zod';
import {
  SIGNED_IDENTITY_MEMBERS,
  signedIdentitySchema,
} from '../../generator/policy/signed-identity.ts';
import {
  type DockerReference,
  MAX_NAME_LENGTH,
  parseDockerReference,
} from '../../generator/terms/image-name.ts';
import { expected, flag, several, text } from './option-values.ts';
import { DOMAIN, LABEL } from './scope-values.ts';

const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const REPOSITORY_FORM = 'HOST/REPOSITORY without a tag, for example quay.io/vendor/app';

/** A repository of a registry, by its whole name. */
export const imageRepository = z
  .string(expected(REPOSITORY_FORM))
  .regex(
    new RegExp(`^(?:localhost|${LABEL}(?:\\.${LABEL})+|${DOMAIN}:[0-9]+)(?:/${COMPONENT})+$`),
    expected(REPOSITORY_FORM),
  )
  .transform((value, context): DockerReference => {
    const parsed = parseDockerReference(value);
    if (parsed) return parsed;
    context.addIssue(
      `expected a name of at most ${MAX_NAME_LENGTH} characters, got ${value.length}`,
    );
    return z.NEVER;
  });

const GLOB_FORM = "a tag or a pattern such as 'v1.*', with ! before what is left out";
const tagGlob = z.string(expected(GLOB_FORM)).regex(/^!?[\w.*-]{1,128}$/, expected(GLOB_FORM));

/** Tags, with `*` for any characters of one, and `!` before those that are left out; one or several. */
export const tagGlobs = z.union([tagGlob.transform((glob) => [glob]), z.array(tagGlob)], {
  error: expected(GLOB_FORM).error,
});

const mirroredRepository = z.strictObject({
  from: imageRepository,
  to: imageRepository,
  tags: tagGlobs.default([]),
  keys: several.default([]),
  policy: text.optional(),
  signedIdentity: signedIdentitySchema.optional(),
  server: text.optional(),
  insecureAcceptAnything: flag.default(false),
});

/** The members of a repository that is mirrored, and those of its `signedIdentity`. */
export const MIRRORED_IMAGES_MEMBERS = [
  Object.keys(mirroredRepository.shape),
  SIGNED_IDENTITY_MEMBERS,
];

/** Repositories that are mirrored, no two to the same place. */
export const mirroredImages = z
  .array(mirroredRepository, expected('a list of repositories to mirror'))
  .min(1, 'expected at least one repository to mirror, got none')
  .superRefine((given, context) => {
    const seen = new Set<string>();
    for (const [at, { from, to }] of given.entries()) {
      const name = `${to.host}/${to.repository}`;
      if (seen.has(name)) {
        const message = `expected a place of its own for each repository, got ${name} twice`;
        context.addIssue({ code: 'custom', path: [at, 'to'], message });
      }
      if (name === `${from.host}/${from.repository}`) {
        const message = `expected another place than ${name}, where the images come from`;
        context.addIssue({ code: 'custom', path: [at, 'to'], message });
      }
      seen.add(name);
    }
  });
