// One remembered verdict as a line: fields between tabs, which no field holds. What many lines have
// in common comes last, so that it is read once.
import type { Signature } from '../../gate/judge.ts';
import type { Location } from '../../terms/location.ts';
import type { VerdictTerms } from './shared-verdict.ts';

/** A signature but for its bytes, which the repository holds. */
export type Remembered = Omit<Signature, 'bytes'>;

/** Reads and writes lines for one policy. */
export interface VerdictLines {
  /** The line of a good signature in a directory. */
  readonly format: (directory: string, signature: Signature) => string;
  /** What the line says of a location; undefined if another judge said it. */
  readonly parse: (line: string, location: Location) => Remembered | undefined;
}

const SEPARATOR = '\t';
/** Hash, directory, times and reference; all behind them is shared. */
const OWN_FIELDS = 7;
const NONE = '-';

/** Lines of what a policy's judge says. */
export function createVerdictLines(verdictTerms: VerdictTerms): VerdictLines {
  return {
    format: (directory, signature) => {
      const { hash, claims, signedAt, validFrom, validUntil } = signature;
      const timestamp = claims.timestamp ?? NONE;
      const times = [signedAt, validFrom, validUntil, timestamp];
      const own = [hash, directory, ...times, claims.dockerReference];
      return [...own, verdictTerms.format(signature)].join(SEPARATOR);
    },
    parse: (line, { directory, digestHex }) => {
      const fields = line.split(SEPARATOR);
      const [hash = '', place, signedAt, from, until, timestamp, dockerReference = ''] = fields;
      if (place !== directory) return undefined;
      const terms = verdictTerms.parse(fields[OWN_FIELDS] ?? '');
      if (!terms) return undefined;
      const { signer, scope, meets, creator, warnings, gpgv } = terms;
      return {
        status: signer ? 'accepted' : 'unverified',
        hash,
        claims: {
          dockerReference,
          manifestDigest: `sha256:${digestHex}`,
          creator,
          timestamp: timestamp === NONE ? null : Number(timestamp),
        },
        signer,
        scope,
        meets,
        signedAt: Number(signedAt),
        validFrom: Number(from),
        validUntil: Number(until),
        gpgv,
        warnings,
      };
    },
  };
}
