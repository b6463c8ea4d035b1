// Random scopes over a few real keys, for property tests.
import * as fc from 'fast-check';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { type Scope, createScope } from '../../../generator/policy/policy.ts';
import type { SignedIdentity } from '../../../generator/policy/signed-identity.ts';
import { parseDockerReference } from '../../../generator/terms/image-name.ts';
import { keyringOf } from '../../kit/samples/samples.ts';

const KEY_FILES = ['ed25519', 'ecdsa-p256', 'lab'].map((name) => `lab/keys/${name}.gpg`);
const [first = '', second = '', third = ''] = KEY_FILES;

/** One key, two, all three. */
export const keyrings: readonly Keyring[] = await Promise.all([
  keyringOf(first),
  keyringOf(second),
  keyringOf(first, second),
  keyringOf(second, first),
  keyringOf(first, second, third),
]);

const hosts = fc.constantFrom(
  'quay.io',
  'a-b.example:5000',
  'localhost',
  '127.0.0.1:80',
  'xn--bcher-kva.example:5000',
);
const components = fc.constantFrom('team', 'app', 'a.b', 'a__b', 'a-b', '0');
const tags = fc.constantFrom('', ':v1', ':V_1.0', `@sha256:${'ab'.repeat(32)}`);
const images = fc
  .tuple(hosts, fc.array(components, { minLength: 1, maxLength: 3 }), tags)
  .map(([host, path, tag]) => `${host}/${path.join('/')}${tag}`);
const prefixes = fc
  .tuple(hosts, fc.array(components, { maxLength: 2 }))
  .map(([host, path]) => [host, ...path].join('/'));

/** As containers-policy.json(5) writes them. */
export const scopeNames = fc.oneof(prefixes, images, fc.constantFrom('', '*.io', '*.example.com'));

const references = images
  .map((name) => parseDockerReference(name))
  .filter((one) => one !== undefined);

/** All six rules. */
export const identities: fc.Arbitrary<SignedIdentity> = fc.oneof(
  fc
    .constantFrom('matchExact', 'matchRepoDigestOrExact', 'matchRepository')
    .map((type) => ({ type }) as const),
  references
    .filter(({ tag, digest }) => tag !== undefined || digest !== undefined)
    .map((reference) => ({ type: 'exactReference', reference }) as const),
  references.map(({ host, repository }) => {
    const repositoryOnly = { host, repository, tag: undefined, digest: undefined };
    return { type: 'exactRepository', repository: repositoryOnly } as const;
  }),
  fc
    .tuple(prefixes, prefixes)
    .map(([prefix, signedPrefix]) => ({ type: 'remapIdentity', prefix, signedPrefix }) as const),
);

const signedBy = fc
  .tuple(fc.constantFrom(...keyrings), identities)
  .map(([keyring, signedIdentity]) => ({ type: 'signedBy', keyring, signedIdentity }) as const);

/** A path below the store, as nothing but the gate limits it. */
export const directories = fc
  .array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), { maxLength: 3 })
  .map((parts) =>
    parts
      .map((part) => part.replaceAll(/[\p{Cc}\\/]/gu, ''))
      .filter(isName)
      .join('/'),
  );

function isName(component: string): boolean {
  return !/^\.{0,2}$/.test(component) && component.isWellFormed();
}

const keyringsApart = fc.subarray([keyrings[0], keyrings[1]], { minLength: 2 });

/** Scopes as the configuration gives them: any of some keys, or all of several. */
const requirements = fc.oneof(
  signedBy.map((one) => [one]),
  fc
    .tuple(keyringsApart, identities)
    .map(([both, signedIdentity]) =>
      both.flatMap((keyring) =>
        keyring ? ({ type: 'signedBy', keyring, signedIdentity } as const) : [],
      ),
    ),
);

/** Several, whose names differ. */
export const scopeLists: fc.Arbitrary<readonly Scope[]> = fc.uniqueArray(
  fc
    .tuple(scopeNames, fc.option(directories, { nil: undefined }), requirements)
    .map(([name, prefix, asked]) => createScope(name, prefix, asked)),
  { minLength: 1, maxLength: 5, selector: ({ name }) => name },
);
