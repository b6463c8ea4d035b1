// What many verdicts have in common, as text: by whom, for which scope and key, with which warnings.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Signature, Warning } from '../../gate/judge.ts';
import type { Signer } from '../../openpgp/open-message.ts';
import type { Policy, Scope, SignedBy } from '../../policy/policy.ts';

/** What signatures by one key for one scope share. */
export interface SharedVerdict {
  readonly signer: Signer | undefined;
  readonly scope: Scope;
  readonly meets: readonly SignedBy[];
  readonly creator: string | null;
  readonly warnings: readonly Warning[];
  /** The version of the gpgv that was asked; undefined where none was. */
  readonly gpgv: string | undefined;
}

/** Reads and writes what verdicts share, for one policy. */
export interface SharedVerdicts {
  /** In one line without tabs. */
  readonly format: (signature: Signature) => string;
  /** Undefined if another judge said it. The same text gives the same object. */
  readonly parse: (text: string) => SharedVerdict | undefined;
}

const ID_LENGTH = 16;
/** How many of them are remembered; more are only read again. */
const MAX_TERMS = 1000;
const termsSchema = z.tuple([
  z.string(),
  z.tuple([z.string(), z.string()]).nullable(),
  z.string(),
  z.array(z.number()),
  z.string().nullable(),
  z.array(
    z.object({
      code: z.enum(['signing-subkey', 'weak-algorithm', 'expires-soon']),
      message: z.string(),
    }),
  ),
  z.string().nullable(),
]);

/**
 * What verdicts of a policy's judge share; `idOf` as createVerdictIds gives it. `findGpgv` gives the version
 * of the gpgv that is here now: the word of another version counts only while there is none, as no
 * answer is no reason to forget one.
 */
export function createSharedVerdicts(
  policy: Policy,
  idOf: (signer: Signer | undefined) => string,
  findGpgv: () => string | undefined,
): SharedVerdicts {
  const known = new Map<string, SharedVerdict | undefined>();
  let last: { readonly terms: SharedVerdict; readonly text: string } | undefined;

  const read = (text: string): SharedVerdict | undefined => {
    const { data } = termsSchema.safeParse(toJson(text));
    if (!data) return undefined;
    const [judgedBy, fingerprints, scopeName, places, creator, warnings, version] = data;
    const [fingerprint = '', primaryFingerprint = ''] = fingerprints ?? [];
    const signer = fingerprints ? { fingerprint, primaryFingerprint } : undefined;
    const scope = policy.scopes.get(scopeName);
    if (!scope || judgedBy !== idOf(signer)) return undefined;
    const meets = places.flatMap((place) => scope.signedBy[place] ?? []);
    return { signer, scope, meets, creator, warnings, gpgv: version ?? undefined };
  };

  const isCurrent = ({ gpgv }: SharedVerdict): boolean => {
    const current = findGpgv();
    return gpgv === undefined || current === undefined || gpgv === current;
  };

  return {
    format: ({ signer, scope, meets, claims: { creator }, warnings, gpgv }) => {
      const terms = { signer, scope, meets, creator, warnings, gpgv };
      if (last && isSame(last.terms, terms)) return last.text;
      const text = JSON.stringify([
        idOf(signer),
        signer ? [signer.fingerprint, signer.primaryFingerprint] : null,
        scope.name,
        meets.map((requirement) => scope.signedBy.indexOf(requirement)),
        creator,
        warnings,
        gpgv ?? null,
      ]);
      last = { terms, text };
      return text;
    },
    parse: (text) => {
      if (known.size >= MAX_TERMS) known.clear();
      if (!known.has(text)) known.set(text, read(text));
      const terms = known.get(text);
      return terms && isCurrent(terms) ? terms : undefined;
    },
  };
}

/**
 * Gives the function that tells by whom a signature was judged good, as far as another judge could
 * say otherwise. The id changes with the engines and their versions, with anything in the policy
 * but its keys, and with the signer's own key; other keys may come and go. Where there is no
 * signer, as a new key may be the one, any key counts.
 */
export function createVerdictIds(
  policy: Policy,
  engines: string,
): (signer: Signer | undefined) => string {
  const scopes = [...policy.scopes.values()];
  const requirements = scopes.flatMap(({ signedBy }) => signedBy);
  const shape = JSON.stringify([engines, policy.isUniform, scopes], withoutKeys);
  const known = new Map<string, string>();
  const toId = (signer: Signer | undefined): string => {
    // Who asks for the key, and in which state, beside others that its ID may stand for.
    const states = [policy, ...requirements].map(({ keyring }) =>
      signer ? keyring?.find(keyIdOf(signer)).map(({ blockId }) => blockId) : keyring?.id,
    );
    const hash = createHash('sha256').update(JSON.stringify([shape, signer, states]));
    return hash.digest('base64url').slice(0, ID_LENGTH);
  };
  return (signer) => {
    const name = signer ? `${signer.primaryFingerprint} ${signer.fingerprint}` : '';
    const id = known.get(name) ?? toId(signer);
    known.set(name, id);
    return id;
  };
}

function keyIdOf({ fingerprint }: Signer): string {
  return fingerprint.slice(-16).toLowerCase();
}

function withoutKeys(name: string, value: unknown): unknown {
  return name === 'keyring' ? undefined : value;
}

/** What no key has signed yet may be verified the next time, as by an engine that is there then. */
export function isLasting({ signer }: Signature, policy: Policy): boolean {
  return signer !== undefined || !policy.keyring;
}

function isSame(a: SharedVerdict, b: SharedVerdict): boolean {
  return (
    a.signer === b.signer &&
    a.scope === b.scope &&
    a.meets === b.meets &&
    a.creator === b.creator &&
    a.warnings === b.warnings &&
    a.gpgv === b.gpgv
  );
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
