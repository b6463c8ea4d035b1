// Signed images without bytes: what the rule goes by, and nothing else.
import assert from 'node:assert/strict';
import type { CheckedFile } from '../../../generator/gate/checked-file.ts';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import {
  type Policy,
  type Requirement,
  createPolicy,
  createScope,
} from '../../../generator/policy/policy.ts';
import {
  DEFAULT_IDENTITY,
  type SignedIdentity,
} from '../../../generator/policy/signed-identity.ts';
import { type KnownManifest, ManifestMemory } from '../../../generator/resolve/manifest-memory.ts';
import {
  type ResolveOptions,
  formatResolved,
  resolveReference,
} from '../../../generator/resolve/resolve-reference.ts';
import type { ResolvedReference } from '../../../generator/resolve/resolved-reference.ts';
import { parseWrittenImage } from '../../../generator/terms/image-name.ts';
import { formatDirectory, formatLocation } from '../../../generator/terms/location.ts';
import { publishable } from '../../kit/samples/samples.ts';
import { storeOf } from '../../kit/samples/store-of.ts';

export const NAME = 'quay.io/team/app';

/** A digest that is easy to tell from others. */
export const hexOf = (letter: string): string => letter.repeat(64);

/** A signature as the rule sees it. */
export interface Signed {
  /** Of the digest. */
  readonly hex: string;
  /** The name that was signed. */
  readonly as: string;
  readonly by: Keyring;
  /** Seconds since 1970. */
  readonly at: number;
  /** Where it lies; `team/app` unless told. */
  readonly in?: string;
  /** Seconds since 1970. */
  readonly until?: number;
}

export const signedBy = (
  keyring: Keyring,
  signedIdentity: SignedIdentity = DEFAULT_IDENTITY,
): Requirement => ({ type: 'signedBy', keyring, signedIdentity });

export const policyOf = async (...requirements: readonly Requirement[]): Promise<Policy> =>
  createPolicy([createScope('quay.io/team', undefined, requirements)]);

export function filesOf(signed: readonly Signed[]): readonly CheckedFile[] {
  const numbers = new Map<string, number>();
  return signed.map((one) => {
    const directory = formatDirectory(one.in ?? 'team/app', one.hex);
    const number = (numbers.get(directory) ?? 0) + 1;
    numbers.set(directory, number);
    const fingerprint = one.by.keys[0]?.fingerprint ?? '';
    return publishable(formatLocation(directory, number), {
      claims: {
        dockerReference: one.as,
        manifestDigest: `sha256:${one.hex}`,
        creator: null,
        timestamp: one.at,
      },
      signer: { fingerprint, primaryFingerprint: fingerprint },
      signedAt: one.at * 1000,
      validUntil: (one.until ?? Infinity) * 1000,
    });
  });
}

export const listOf = (...hexes: readonly string[]): KnownManifest => ({
  kind: 'list',
  instances: hexes.map((digestHex, at) => ({ platform: `linux/arch${at}`, digestHex })),
});

export const SINGLE: KnownManifest = { kind: 'single' };

export interface World {
  readonly policy: Policy;
  readonly signed: readonly Signed[];
  readonly manifests?: Readonly<Record<string, KnownManifest>>;
  /** Of directories. */
  readonly arrivals?: Readonly<Record<string, number>>;
  readonly strictTags?: boolean;
}

export function resolveIn(world: World, image = `${NAME}:1.0`): ResolvedReference {
  return resolveReference(parseWrittenImage(image) ?? assert.fail(image), optionsOf(world));
}

export function optionsOf({
  policy,
  signed,
  manifests = {},
  arrivals = {},
  strictTags = false,
}: World): ResolveOptions {
  const store = storeOf(...filesOf(signed));
  for (const _ of store.indexTags());
  const memory = new ManifestMemory();
  const now = new Date(100_000);
  for (const [hex, known] of Object.entries(manifests)) {
    if (known.kind === 'missing') memory.noteMissing(hex, NAME, now);
    else memory.resume(hex, known);
  }
  const { tags } = store;
  if (!tags) throw new Error('all tags are indexed');
  return {
    store,
    tags,
    policy,
    manifests: memory,
    arrivalOf: (directory) => arrivals[directory],
    now,
    strictTags,
  };
}

/** `DIGEST LETTER by`, or `verdict code`. */
export function tell(resolved: ResolvedReference): string {
  const { verdict, reason, by } = resolved;
  const letter = /@sha256:(.)/.exec(formatResolved(resolved) ?? '')?.[1];
  return verdict === 'resolved' ? `${letter} ${by}` : `${verdict} ${reason?.code}`;
}
