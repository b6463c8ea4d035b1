// One remembered verdict as a line: fields between tabs, which no field holds. What many lines have
// in common comes last, so that it is read once.
import { z } from 'zod';
import type { Signature, Warning } from './judge.ts';
import type { Location } from './location.ts';
import type { Signer } from './openpgp/open-message.ts';
import type { Policy, Scope, SignedBy } from './policy/policy.ts';

/** A signature but for its bytes, which the repository holds. */
export type Remembered = Omit<Signature, 'bytes'>;

/** Reads and writes lines for one policy. */
export interface VerdictLines {
  /** The line of a good signature in a directory. */
  readonly format: (directory: string, signature: Signature) => string;
  /** What the line says of a location; undefined if another judge said it. */
  readonly parse: (line: string, location: Location) => Remembered | undefined;
}

interface Terms {
  readonly signer: Signer | undefined;
  readonly scope: Scope;
  readonly meets: readonly SignedBy[];
  readonly creator: string | null;
  readonly warnings: readonly Warning[];
}

const SEPARATOR = '\t';
/** Hash, directory, times and reference; all behind them is shared. */
const OWN_FIELDS = 6;
const NONE = '-';
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

/** Lines of what a policy's judge says; `idOf` as createVerdictIds gives it. */
export function createVerdictLines(
  policy: Policy,
  idOf: (signer: Signer | undefined) => string,
): VerdictLines {
  const known = new Map<string, Terms | undefined>();

  const readTerms = (text: string): Terms | undefined => {
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
    format: (directory, { hash, claims, signer, scope, meets, signedAt, validUntil, warnings }) => {
      const terms = JSON.stringify([
        idOf(signer),
        signer ? [signer.fingerprint, signer.primaryFingerprint] : null,
        scope.name,
        meets.map((requirement) => scope.signedBy.indexOf(requirement)),
        claims.creator,
        warnings,
      ]);
      const timestamp = claims.timestamp ?? NONE;
      const own = [hash, directory, signedAt, validUntil, timestamp, claims.dockerReference];
      return [...own, terms].join(SEPARATOR);
    },
    parse: (line, { directory, hex }) => {
      const fields = line.split(SEPARATOR);
      const [hash = '', place, signedAt, validUntil, timestamp, dockerReference = ''] = fields;
      const text = fields[OWN_FIELDS] ?? '';
      if (place !== directory) return undefined;
      if (known.size >= MAX_TERMS) known.clear();
      if (!known.has(text)) known.set(text, readTerms(text));
      const terms = known.get(text);
      if (!terms) return undefined;
      const { signer, scope, meets, creator, warnings } = terms;
      return {
        status: signer ? 'accepted' : 'unverified',
        hash,
        claims: {
          dockerReference,
          manifestDigest: `sha256:${hex}`,
          creator,
          timestamp: timestamp === NONE ? null : Number(timestamp),
        },
        signer,
        scope,
        meets,
        signedAt: Number(signedAt),
        validUntil: Number(validUntil),
        warnings,
      };
    },
  };
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
