// Scopes as the configuration file and flags write them: who may sign which images, and where their signatures are.
import { z } from 'zod';
import {
  StoreUrlError,
  formatStoreUrl,
  hasCredentials,
  parseStoreUrl,
} from '../../generator/nodes/store-url.ts';
import { isScopeName, whyNoScope } from '../../generator/policy/scope-name.ts';
import {
  SIGNED_IDENTITY_MEMBERS,
  signedIdentitySchema,
} from '../../generator/policy/signed-identity.ts';
import { VENDOR_NAMES, findVendorScope, listVendorScopes } from '../../generator/policy/vendors.ts';
import { MAX_NAME_LENGTH } from '../../generator/terms/image-name.ts';
import { absolutePath, expected, several, subtree, text } from './option-values.ts';

/** A subtree that signatures may lie in: none has a backslash or a control character in its path. */
export const prefix = subtree.refine((value) => !/[\\\p{Cc}]/u.test(value), {
  error: (issue) =>
    `expected a path without backslashes and control characters, got ${JSON.stringify(issue.input)}`,
});

/** A part of a host's name. */
export const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
export const DOMAIN = `${LABEL}(?:\\.${LABEL})*`;
/** Roughly what `isScopeName` takes, for editors: nothing that it takes is refused. */
const SCOPE_FORM = [
  `^(?:\\*\\.${DOMAIN}`,
  `(?:localhost|${LABEL}(?:\\.${LABEL})+|(?:${DOMAIN}|\\[[0-9A-Fa-f:]+\\]):[0-9]+|\\[[0-9A-Fa-f:]+\\])(?:/[a-z0-9][^/\\s*]*)*)?$`,
].join('|');

/** A part of all images, as containers-policy.json(5) writes it, that an image can lie in. */
const scopeName = z
  .string()
  .refine(isScopeName, {
    error: ({ input }) => {
      const isLong = typeof input === 'string' && input.length > MAX_NAME_LENGTH;
      const form = 'HOST, HOST/NAMESPACE, HOST/NAMESPACE/REPOSITORY or *.DOMAIN';
      if (!isLong) return `expected ${form}, got ${JSON.stringify(input)}${whyNoScope(input)}`;
      return `expected ${form} of at most ${MAX_NAME_LENGTH} characters, got ${input.length}`;
    },
  })
  .meta({ pattern: SCOPE_FORM });

/** The address of a store, as nodes ask it: it goes into git, and onto pages for everybody. */
const storeUrl = text
  .transform((value, context) => {
    try {
      const store = parseStoreUrl(value);
      if (!hasCredentials(store) && store.query === '') return formatStoreUrl(store, '');
      context.addIssue(
        'expected an address without user name, password and query: everybody may read it',
      );
      return z.NEVER;
    } catch (error) {
      if (!(error instanceof StoreUrlError)) throw error;
      context.addIssue(error.message);
      return z.NEVER;
    }
  })
  .meta({
    pattern:
      '^(?:[Hh][Tt][Tt][Pp][Ss]?://[^/@?#\\s]+(?:/[^?#\\s]*)?|[Ff][Ii][Ll][Ee]:///[^?#\\s]*)$',
  });

const scopeMembers = z.strictObject({
  keys: several.optional(),
  release: z.literal(true, expected('true')).optional(),
  require: z.enum(['any', 'all'], expected('any or all')).default('any'),
  signedIdentity: signedIdentitySchema.optional(),
  prefix: prefix.optional(),
  vendor: z.enum(VENDOR_NAMES, expected(VENDOR_NAMES.join(' or '))).optional(),
  store: storeUrl.optional(),
  keyPath: absolutePath.optional(),
});

/** What speaks of signatures, which images of a release need not have. */
const NEVER_OF_RELEASE = ['keys', 'signedIdentity', 'vendor', 'store', 'keyPath'] as const;

type ScopeMembers = z.output<typeof scopeMembers>;

/** What a member must not stand beside, or lacks; undefined where all is well. */
type FindFault = (
  scope: ScopeMembers,
) => readonly [member: keyof ScopeMembers | undefined, message: string] | undefined;

const FAULTS: readonly FindFault[] = [
  findWhatReleasesLack,
  findLackOfKeys,
  ({ store, prefix: place }) =>
    store === undefined || place === undefined
      ? undefined
      : [
          'prefix',
          'expected none beside store: it is a place in this store, and the signatures are in another',
        ],
  ({ require, keyPath }) =>
    require === 'all' && keyPath !== undefined
      ? ['require', 'expected any beside keyPath: nodes take a signature by any key of one file']
      : undefined,
];

/** Images of a release need no signature of their own: nothing that speaks of one may stand there. */
function findWhatReleasesLack({ release, ...scope }: ScopeMembers): ReturnType<FindFault> {
  if (release !== true) return undefined;
  const other = NEVER_OF_RELEASE.find((member) => scope[member] !== undefined);
  if (other === undefined) return undefined;
  return [
    undefined,
    `expected ${other} or release: true, got both: images of a release need no signature of their own`,
  ];
}

function findLackOfKeys({ keys, release, store, keyPath }: ScopeMembers): ReturnType<FindFault> {
  if (keys !== undefined || release === true) return undefined;
  if (store !== undefined && keyPath !== undefined) return undefined;
  if (store !== undefined) {
    return ['keys', 'expected keys, or keyPath where nodes have them already, got neither'];
  }
  return keyPath === undefined
    ? [undefined, 'expected keys, or release: true for images that a release vouches for']
    : ['keys', 'expected the keys of keyPath too: signatures in this store are judged by them'];
}

const scope = scopeMembers.meta({
  anyOf: [
    { required: ['keys'] },
    { required: ['vendor'] },
    { required: ['store', 'keyPath'] },
    { required: ['release'] },
  ],
  not: {
    anyOf: [
      { required: ['prefix'], anyOf: [{ required: ['store'] }, { required: ['vendor'] }] },
      { required: ['release'], anyOf: NEVER_OF_RELEASE.map((member) => ({ required: [member] })) },
    ],
  },
});

/** The members of a scope, and those of its `signedIdentity`. */
export const SCOPE_MEMBERS = [Object.keys(scopeMembers.shape), SIGNED_IDENTITY_MEMBERS];

/** Who may sign which images. What a scope leaves to its vendor is filled in. */
export const scopes = z
  .record(scopeName, scope, expected('a mapping of scopes'))
  .refine((given) => Object.keys(given).length > 0, 'expected at least one scope, got none')
  .meta({ minProperties: 1 })
  .transform((given, context) => {
    const filled = Object.entries(given).map(([name, members]) => {
      const whole = fillIn(name, members);
      const fault = typeof whole === 'string' ? (['vendor', whole] as const) : findFault(whole);
      if (fault) {
        const [member, message] = fault;
        const path = member === undefined ? [name] : [name, member];
        context.addIssue({ code: 'custom', path, message });
      }
      const { keys = [], vendor: _, ...rest } = typeof whole === 'string' ? members : whole;
      return [name, { keys, ...rest }] as const;
    });
    return Object.fromEntries(filled);
  });

/** What a scope says itself, and its vendor's entry for the rest; a sentence where the vendor has none. */
function fillIn(name: string, members: ScopeMembers): ScopeMembers | string {
  const { vendor } = members;
  if (vendor === undefined) return members;
  const known = findVendorScope(vendor, name);
  if (known) return { ...known, ...members };
  return `expected a scope of ${vendor} (${listVendorScopes(vendor).join(', ')}, or a part of one), got ${JSON.stringify(name)}; for a mirror give keys and signedIdentity in its place`;
}

function findFault(members: ScopeMembers): ReturnType<FindFault> {
  for (const find of FAULTS) {
    const fault = find(members);
    if (fault) return fault;
  }
  return undefined;
}

/** `SCOPE=PATH`, one or several: files or directories of keys for parts of all images. */
export const scopeFlags = several.transform((values, context) =>
  values.map((value) => {
    const at = value.indexOf('=');
    const name = scopeName.safeParse(value.slice(0, at));
    if (at < 0 || at === value.length - 1 || !name.success) {
      const form = 'expected SCOPE=PATH';
      const reason = at > 0 ? whyNoScope(value.slice(0, at)) : '';
      context.addIssue(`${form}, got ${JSON.stringify(value)}${reason}`);
      return z.NEVER;
    }
    return { name: name.data, path: value.slice(at + 1) };
  }),
);
