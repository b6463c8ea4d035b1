// `sigstoreSigned`, which no OpenPGP signature meets: read only to refuse what nodes refuse
// (containers/image signature/policy_config_sigstore.go, as of 5.35; older ones know fewer members).
import { z } from 'zod';
import { goBytes, goString, goStrings } from './policy-members.ts';
import { signedIdentitySchema } from './signed-identity.ts';

const data = goBytes.nullable();
const paths = goStrings.min(1, 'expected at least one path, got none');
const datas = z.array(data).min(1, 'expected at least one key, got none');

const fulcio = z
  .strictObject({
    caPath: goString.optional(),
    caData: data.optional(),
    oidcIssuer: z.string().min(1, 'expected an issuer, got ""'),
    subjectEmail: z.string().min(1, 'expected an address, got ""'),
  })
  .refine((fields) => count(fields, ['caPath', 'caData']) === 1, {
    error: 'expected exactly one of caPath and caData',
  });

const pki = z
  .strictObject({
    caRootsPath: goString.optional(),
    caRootsData: data.optional(),
    caIntermediatesPath: goString.optional(),
    caIntermediatesData: data.optional(),
    subjectEmail: goString.optional(),
    subjectHostname: goString.optional(),
  })
  .refine((fields) => count(fields, ['caRootsPath', 'caRootsData']) === 1, {
    error: 'expected exactly one of caRootsPath and caRootsData',
  })
  .refine((fields) => count(fields, ['caIntermediatesPath', 'caIntermediatesData']) <= 1, {
    error: 'expected at most one of caIntermediatesPath and caIntermediatesData',
  })
  .refine((fields) => count(fields, ['subjectEmail', 'subjectHostname']) >= 1, {
    error: 'expected subjectEmail or subjectHostname',
  });

const TRUST = ['keyPath', 'keyPaths', 'keyData', 'keyDatas', 'fulcio', 'pki'];
const REKOR = [
  'rekorPublicKeyPath',
  'rekorPublicKeyPaths',
  'rekorPublicKeyData',
  'rekorPublicKeyDatas',
];

export const sigstoreSchema = z
  .strictObject({
    type: z.literal('sigstoreSigned'),
    keyPath: goString.optional(),
    keyPaths: paths.optional(),
    keyData: data.optional(),
    keyDatas: datas.optional(),
    fulcio: fulcio.optional(),
    pki: pki.optional(),
    rekorPublicKeyPath: goString.optional(),
    rekorPublicKeyPaths: paths.optional(),
    rekorPublicKeyData: data.optional(),
    rekorPublicKeyDatas: datas.optional(),
    signedIdentity: signedIdentitySchema.optional(),
  })
  .superRefine((fields, context) => {
    const given = count(fields, TRUST);
    if (given === 1 && fields.keyPath !== undefined && fields.keyData !== undefined) {
      context.addIssue('expected keyPath or keyData, got both: skopeo 1.9 refuses that');
    } else if (given !== 1) {
      const empty =
        fields.keyPath === '' ? 'keyPath' : fields.keyData === null ? 'keyData' : undefined;
      const got =
        given === 0 && empty !== undefined
          ? `, got an empty ${empty}: skopeo 1.9 takes it, newer clients do not`
          : '';
      context.addIssue(`expected exactly one of ${TRUST.join(', ')}${got}`);
    }
  })
  .refine((fields) => count(fields, REKOR) <= 1, {
    error: `expected at most one of ${REKOR.join(', ')}`,
  })
  .refine((fields) => fields.fulcio === undefined || count(fields, REKOR) === 1, {
    error: 'expected a Rekor public key with fulcio',
  })
  .refine((fields) => fields.pki === undefined || count(fields, REKOR) === 0, {
    error: 'expected no Rekor public key with pki',
  });

/** How many of the members say something: an empty string and null do not, empty data does. */
function count(fields: object, names: readonly string[]): number {
  return Object.entries(fields).filter(
    ([name, value]) =>
      names.includes(name) && value !== undefined && value !== null && value !== '',
  ).length;
}
