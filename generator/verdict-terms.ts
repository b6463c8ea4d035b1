// What many verdicts have in common, as text: by whom, for which scope and key, with which warnings.
import { z } from 'zod';
import type { Signature, Warning } from './judge.ts';
import type { Signer } from './openpgp/open-message.ts';
import type { Policy, Scope, SignedBy } from './policy/policy.ts';

/** What signatures by one key for one scope share. */
export interface Terms {
  readonly signer: Signer | undefined;
  readonly scope: Scope;
  readonly meets: readonly SignedBy[];
  readonly creator: string | null;
  readonly warnings: readonly Warning[];
}

/** Reads and writes terms for one policy. */
export interface VerdictTerms {
  /** In one line without tabs. */
  readonly format: (signature: Signature) => string;
  /** Undefined if another judge said it. The same text gives the same object. */
  readonly parse: (text: string) => Terms | undefined;
}

/** Terms that are remembered; more are only read again. */
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
]);

/** Terms of what a policy's judge says; `idOf` as createVerdictIds gives it. */
export function createVerdictTerms(
  policy: Policy,
  idOf: (signer: Signer | undefined) => string,
): VerdictTerms {
  const known = new Map<string, Terms | undefined>();
  let last: { readonly terms: Terms; readonly text: string } | undefined;

  const read = (text: string): Terms | undefined => {
    const { data } = termsSchema.safeParse(toJson(text));
    if (!data) return undefined;
    const [judgedBy, fingerprints, scopeName, places, creator, warnings] = data;
    const [fingerprint = '', primaryFingerprint = ''] = fingerprints ?? [];
    const signer = fingerprints ? { fingerprint, primaryFingerprint } : undefined;
    const scope = policy.scopes.get(scopeName);
    if (!scope || judgedBy !== idOf(signer)) return undefined;
    const meets = places.flatMap((place) => scope.signedBy[place] ?? []);
    return { signer, scope, meets, creator, warnings };
  };

  return {
    format: ({ signer, scope, meets, claims: { creator }, warnings }) => {
      const terms = { signer, scope, meets, creator, warnings };
      if (last && isSame(last.terms, terms)) return last.text;
      const text = JSON.stringify([
        idOf(signer),
        signer ? [signer.fingerprint, signer.primaryFingerprint] : null,
        scope.name,
        meets.map((requirement) => scope.signedBy.indexOf(requirement)),
        creator,
        warnings,
      ]);
      last = { terms, text };
      return text;
    },
    parse: (text) => {
      if (known.size >= MAX_TERMS) known.clear();
      if (!known.has(text)) known.set(text, read(text));
      return known.get(text);
    },
  };
}

/** What no key has signed yet may be verified the next time, as by an engine that is there then. */
export function isLasting({ signer }: Signature, policy: Policy): boolean {
  return signer !== undefined || !policy.keyring;
}

function isSame(a: Terms, b: Terms): boolean {
  return (
    a.signer === b.signer &&
    a.scope === b.scope &&
    a.meets === b.meets &&
    a.creator === b.creator &&
    a.warnings === b.warnings
  );
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
