// containers-policy.json(5), read as strictly as nodes read it: unknown members, members given
// twice and wrong types refuse the whole file (containers/image signature/policy_config.go).
import { z } from 'zod';
import { type PrivateKeyFinding, findPrivateKey } from '../openpgp/packets/private-keys.ts';
import { findRepeatedMember, isJson } from '../terms/strict-json.ts';
import { goBytes, goStrings } from './policy-members.ts';
import { type SignedIdentity, DEFAULT_IDENTITY, signedIdentitySchema } from './signed-identity.ts';
import { sigstoreSchema } from './sigstore-requirement.ts';
import { findScopeFault } from './transport-scopes.ts';

/** A `signedBy` requirement whose keys are not read yet. */
export interface UnreadSignedBy {
  readonly type: 'signedBy';
  /** As written: absolute on a node. */
  readonly keyPaths: readonly string[];
  readonly keyData: Uint8Array | undefined;
  readonly signedIdentity: SignedIdentity;
}

/** A requirement of a policy file. */
export type UnreadRequirement =
  | UnreadSignedBy
  | { readonly type: 'insecureAcceptAnything' }
  | { readonly type: 'elsewhere' | 'unmeetable'; readonly what: string };

/** Requirements by scope for images from registries; '' is what holds for all others. */
export type PolicyFile = ReadonlyMap<string, readonly UnreadRequirement[]>;

/** A file that nodes would refuse; the message names the rule. */
export class PolicyFileError extends Error {
  override readonly name = 'PolicyFileError';
}

const KEY_TYPES = ['GPGKeys', 'signedByGPGKeys', 'X509Certificates', 'signedByX509CAs'] as const;

const signedBy = z
  .strictObject({
    type: z.literal('signedBy'),
    keyType: z.enum(KEY_TYPES),
    keyPath: z.string().min(1, 'expected the path of a key file, got ""').optional(),
    keyPaths: goStrings.optional(),
    keyData: goBytes.optional(),
    signedIdentity: signedIdentitySchema.default(DEFAULT_IDENTITY),
  })
  .transform((fields, context): UnreadRequirement => {
    const { keyType, keyPath, keyPaths, keyData, signedIdentity } = fields;
    if ([keyPath, keyPaths, keyData].filter((given) => given !== undefined).length !== 1) {
      context.addIssue('expected exactly one of keyPath, keyPaths and keyData');
      return z.NEVER;
    }
    if (keyType !== 'GPGKeys') return { type: 'unmeetable', what: `asks for ${keyType} keys` };
    if (keyPaths?.length === 0) return { type: 'unmeetable', what: 'names no keys' };
    return {
      type: 'signedBy',
      keyPaths: keyPaths ?? (keyPath === undefined ? [] : [keyPath]),
      keyData,
      signedIdentity,
    };
  });

const sigstoreSigned = sigstoreSchema.transform((): UnreadRequirement => ({
  type: 'elsewhere',
  what: 'asks for a sigstore signature',
}));

const signedBaseLayer = z
  .strictObject({ type: z.literal('signedBaseLayer'), baseLayerIdentity: signedIdentitySchema })
  .transform((): UnreadRequirement => ({ type: 'unmeetable', what: 'asks for signedBaseLayer' }));

const requirements = z
  .array(
    z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('insecureAcceptAnything') }),
      z
        .strictObject({ type: z.literal('reject') })
        .transform((): UnreadRequirement => ({ type: 'unmeetable', what: 'rejects every image' })),
      signedBy,
      sigstoreSigned,
      signedBaseLayer,
    ]),
  )
  .min(1, 'expected at least one requirement');

const policyFile = z.strictObject({
  default: requirements,
  transports: z.record(z.string(), z.record(z.string(), requirements)).default({}),
});

/** A policy file with its two levels told apart. */
export interface PolicyParts {
  /** What holds for all images that no scope covers, from wherever they come. */
  readonly byDefault: readonly UnreadRequirement[];
  /** Requirements by scope for images from registries, as written; '' may be among them. */
  readonly docker: PolicyFile;
  /** Names of all transports, as written; nodes take any. */
  readonly transports: readonly string[];
}

/**
 * Reads the text of a policy.json.
 * @throws PolicyFileError with the first fault.
 */
export function parsePolicyFile(text: string): PolicyFile {
  const { byDefault, docker } = parsePolicyParts(text);
  return new Map([['', docker.get('') ?? byDefault], ...docker]);
}

/**
 * Reads the text of a policy.json, with the default beside the scopes.
 * @throws PolicyFileError with the first fault.
 */
export function parsePolicyParts(text: string): PolicyParts {
  if (!isJson(text)) throw new PolicyFileError('expected JSON');
  // JSON.parse keeps the last of two equal members without a word.
  const repeated = findRepeatedMember(text);
  if (repeated !== undefined) {
    const line = text.slice(0, repeated).split('\n').length;
    throw new PolicyFileError(`expected each member once, got one twice in line ${line}`);
  }
  const result = policyFile.safeParse(JSON.parse(text));
  if (!result.success) {
    const [issue] = result.error.issues;
    const where = issue?.path.join('.') || 'the file';
    throw new PolicyFileError(`${where}: ${issue?.message}`);
  }
  for (const [transport, scopes] of Object.entries(result.data.transports)) {
    for (const scope of Object.keys(scopes)) {
      const fault = findScopeFault(transport, scope);
      if (fault === undefined) continue;
      throw new PolicyFileError(`transports.${transport}: ${fault}, got ${JSON.stringify(scope)}`);
    }
  }
  const docker = new Map(Object.entries(result.data.transports['docker'] ?? {}));
  const transports = Object.keys(result.data.transports);
  return { byDefault: result.data.default, docker, transports };
}

/** Members of requirements that hold keys or certificates in base64, one or a list. */
const DATA_MEMBER = /Datas?$/;

/** A member of a policy that holds what must not be handed on. */
export interface PrivateData {
  /** `transports.docker.quay.io/team.0.keyData` */
  readonly where: string;
  readonly finding: PrivateKeyFinding;
}

/**
 * Looks for private keys in all members of a policy that hold keys, whatever transport, type of
 * requirement or kind of key they are for. The text must be JSON.
 */
export function findPrivateData(text: string): PrivateData | undefined {
  const left: (readonly [where: string, value: unknown])[] = [['', JSON.parse(text)]];
  let closed: PrivateData | undefined;
  for (let next = left.pop(); next; next = left.pop()) {
    const [where, value] = next;
    const data = isData(where) ? goBytes.safeParse(value).data : undefined;
    if (data || (typeof value === 'string' && isData(where))) {
      const finding = findPrivateKey(data ?? Buffer.from(String(value), 'base64'));
      if (finding === 'private') return { where, finding };
      if (finding === 'closed') closed = { where, finding };
    } else if (value instanceof Object) {
      const prefix = where === '' ? '' : `${where}.`;
      for (const [name, member] of Object.entries(value)) left.push([`${prefix}${name}`, member]);
    }
  }
  return closed;
}

/** Whether a value, or the list that it is in, has the name of such a member. */
function isData(where: string): boolean {
  return DATA_MEMBER.test(where.replace(/\.[0-9]+$/, ''));
}
