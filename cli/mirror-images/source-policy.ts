// By which policy skopeo takes images from upstream. It copies them by their digests, so that a tag that moves
// meanwhile changes nothing, and nodes take a signature for any tag of the repository then: here it has to be for
// the tag that is mirrored, or an old image could be passed off as a new one.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { SignedBy } from '../../generator/policy/policy.ts';
import { findAround } from '../../generator/policy/scope-chain.ts';
import {
  DEFAULT_IDENTITY,
  type SignedIdentity,
  formatReference,
  nameOf,
  remapReference,
  signedIdentitySchema,
  toSignedIdentityJson,
} from '../../generator/policy/signed-identity.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import { UsageError } from '../base/usage-error.ts';
import { readKeys } from '../inputs/read-keys.ts';
import { readPolicyText } from '../inputs/read-policy-text.ts';

const requirementSchema = z.looseObject({ type: z.string() });
/** A requirement as policy.json has it. */
type JsonRequirement = z.infer<typeof requirementSchema>;

const scopeSchema = z.record(z.string(), z.array(requirementSchema));
const policySchema = z.object({
  default: z.array(requirementSchema),
  transports: z.record(z.string(), scopeSchema).default({}),
});

/** What is said of whom a repository's images must be signed by. */
export interface TrustOptions {
  /** Files of public keys, any of which is enough. */
  readonly keys: readonly string[];
  /** A policy.json. */
  readonly policy: string | undefined;
  /** Under which names signatures by `keys` count; the names of the images unless told. */
  readonly signedIdentity: SignedIdentity | undefined;
  /** Whether images that nobody has signed are wanted too. */
  readonly acceptsAnything: boolean;
  /** What names the repository, the keys and the policy, for errors. */
  readonly origin: string;
  readonly keysOrigin: string;
  readonly policyOrigin: string;
}

/** What is asked of images, by scope; '' for those that no other scope covers. */
type Scopes = ReadonlyMap<string, readonly JsonRequirement[]>;

interface Trust {
  readonly scopes: Scopes;
  readonly signedBy?: SignedBy;
}

/** By whom the images of one repository must be signed. */
export class SourcePolicy {
  readonly #trust: Trust;
  readonly #options: TrustOptions;

  private constructor(trust: Trust, options: TrustOptions) {
    this.#trust = trust;
    this.#options = options;
  }

  /**
   * Reads it for the images of a repository.
   * @throws UsageError where it would take anything, and nobody has said so
   */
  static async read(repository: DockerReference, options: TrustOptions): Promise<SourcePolicy> {
    const policy = new SourcePolicy(await readTrust(repository, options), options);
    policy.#find(repository);
    return policy;
  }

  /** The signature that is asked for, where keys were given; undefined for a policy, which skopeo alone goes by. */
  get signedBy(): SignedBy | undefined {
    return this.#trust.signedBy;
  }

  /**
   * What policy.json asks for one image, which has a tag.
   * @throws UsageError
   */
  requirementsFor(image: DockerReference): readonly JsonRequirement[] {
    return this.#find(image).map((one) => narrow(one, image));
  }

  #find(image: DockerReference): readonly JsonRequirement[] {
    const { acceptsAnything, policy, policyOrigin } = this.#options;
    const found = findAround(this.#trust.scopes, formatReference(image)) ?? [{ type: 'reject' }];
    const takesAll = found.every(({ type }) => type === 'insecureAcceptAnything');
    if (!takesAll || acceptsAnything) return found;
    throw new UsageError(
      `${policyOrigin}: ${policy} takes any image of ${nameOf(image)}, signed or not`,
      'ask for a signature in a scope for it, or say that you want this with --insecure-accept-anything',
    );
  }
}

async function readTrust(repository: DockerReference, options: TrustOptions): Promise<Trust> {
  const { keys, policy, signedIdentity = DEFAULT_IDENTITY, acceptsAnything, origin } = options;
  if (policy !== undefined) {
    return { scopes: parseScopes((await readPolicyText(options.policyOrigin, policy)).text) };
  }
  const keyring = await readKeys(keys, options.keysOrigin);
  if (keyring) {
    const requirement = {
      type: 'signedBy',
      keyType: 'GPGKeys',
      keyData: Buffer.concat(keyring.blocks).toString('base64'),
      signedIdentity: toSignedIdentityJson(signedIdentity),
    };
    const signedBy = { type: 'signedBy', keyring, signedIdentity } as const;
    return { scopes: new Map([['', [requirement]]]), signedBy };
  }
  if (acceptsAnything) return { scopes: new Map([['', [{ type: 'insecureAcceptAnything' }]]]) };
  throw new UsageError(
    `${origin}: nothing says who signs the images of ${nameOf(repository)} upstream`,
    'give the public keys with --keys, or a policy.json with --policy',
  );
}

/** `text` is one that nodes take. */
function parseScopes(text: string): Scopes {
  const { default: byDefault, transports } = policySchema.parse(JSON.parse(text));
  const scopes = Object.entries(transports['docker'] ?? {});
  return new Map([['', byDefault], ...scopes]);
}

/** A rule that goes by the tag goes by this one, although the copy is asked for by the digest. */
function narrow(requirement: JsonRequirement, image: DockerReference): JsonRequirement {
  if (requirement.type !== 'signedBy' && requirement.type !== 'sigstoreSigned') return requirement;
  const rule = signedIdentitySchema.parse(requirement['signedIdentity'] ?? DEFAULT_IDENTITY);
  const signed = findSignedName(rule, image);
  if (signed === 'any') return requirement;
  if (signed === undefined) return { type: 'reject' };
  const exact = { type: 'exactReference', reference: signed } as const;
  return { ...requirement, signedIdentity: toSignedIdentityJson(exact) };
}

/** The name that must be signed for a tag; `any` where the rule has names of its own, undefined for none. */
function findSignedName(
  rule: SignedIdentity,
  image: DockerReference,
): DockerReference | 'any' | undefined {
  switch (rule.type) {
    case 'matchExact':
    case 'matchRepoDigestOrExact':
      return image;
    case 'remapIdentity':
      return remapReference(image, rule.prefix, rule.signedPrefix);
    case 'matchRepository':
    case 'exactReference':
    case 'exactRepository':
      return 'any';
  }
}

/** Writes the policy.json for one image; gives its path. */
export async function writePolicy(
  directory: string,
  name: string,
  image: DockerReference,
  requirements: readonly JsonRequirement[],
): Promise<string> {
  const file = join(directory, `${name}.json`);
  const docker = { [nameOf(image)]: requirements };
  const text = { default: [{ type: 'reject' }], transports: { docker } };
  await writeFile(file, JSON.stringify(text));
  return file;
}

/** Writes the registries.d by which skopeo finds signatures in a store; gives the directory. */
export async function writeRegistriesD(
  directory: string,
  name: string,
  store: string,
): Promise<string> {
  const place = join(directory, name);
  await mkdir(place);
  // JSON is YAML. Before containers/image 5.22 it is `sigstore`.
  const text = { 'default-docker': { lookaside: store, sigstore: store } };
  await writeFile(join(place, 'upstream.yaml'), JSON.stringify(text));
  return place;
}
