// What many verdicts have in common, as text: the signer, the scope, what was met, and the warnings.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ReleasePlaces, Signature, Warning } from '../../gate/judge.ts';
import { releaseScopeOf } from '../../gate/release-judge.ts';
import type { Signer } from '../../openpgp/open-message.ts';
import type { Policy, Scope, SignedBy } from '../../policy/policy.ts';
import { findReleaseArea } from '../../release/release-area.ts';
import { REJECTIONS, type RejectionCode, reject } from '../../terms/rejection.ts';

/** What signatures by one key for one scope share. */
export interface SharedVerdict {
  readonly signer: Signer | undefined;
  readonly scope: Scope;
  readonly meets: readonly SignedBy[];
  readonly creator: string | null;
  readonly warnings: readonly Warning[];
  /** The version of the gpgv that was asked; undefined where none was. */
  readonly gpgv: string | undefined;
  /** Undefined outside release areas. */
  readonly release: ReleasePlaces | undefined;
}

const ID_LENGTH = 16;
/** Texts whose meaning is remembered; more are only read again. */
const MAX_KNOWN = 1000;
const sharedSchema = z.tuple([
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
  z
    .tuple([
      z.string(),
      z.string().nullable(),
      z.tuple([z.string().refine(isRejectionCode), z.string(), z.string()]).nullable(),
    ])
    .nullable(),
]);

function isRejectionCode(text: string): text is RejectionCode {
  return Object.hasOwn(REJECTIONS, text);
}

/** Formats and parses what the verdicts of one policy share. */
export class SharedVerdicts {
  readonly #policy: Policy;
  readonly #idOf: (signer: Signer | undefined) => string;
  readonly #findGpgv: () => string | undefined;
  readonly #known = new Map<string, SharedVerdict | undefined>();
  #last: { readonly shared: SharedVerdict; readonly text: string } | undefined;

  /**
   * `idOf` as createVerdictIds gives it. `findGpgv` gives the version of the gpgv that is here now. A
   * verdict by another version counts only while there is none: without an answer there is no reason
   * to forget one.
   */
  constructor(
    policy: Policy,
    idOf: (signer: Signer | undefined) => string,
    findGpgv: () => string | undefined,
  ) {
    this.#policy = policy;
    this.#idOf = idOf;
    this.#findGpgv = findGpgv;
  }

  /** One line without tabs. */
  format(signature: Signature): string {
    const { signer, scope, meets, warnings, gpgv, release } = signature;
    const { creator } = signature.claims;
    const shared = { signer, scope, meets, creator, warnings, gpgv, release };
    if (this.#last && isSame(this.#last.shared, shared)) return this.#last.text;
    const text = JSON.stringify([
      this.#idOf(signer),
      signer ? [signer.fingerprint, signer.primaryFingerprint] : null,
      scope.name,
      meets.map((requirement) => scope.signedBy.indexOf(requirement)),
      creator,
      warnings,
      gpgv ?? null,
      release ? formatRelease(release) : null,
    ]);
    this.#last = { shared, text };
    return text;
  }

  /** Undefined if this judge might say something else. The same text gives the same object. */
  parse(text: string): SharedVerdict | undefined {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    if (!this.#known.has(text)) this.#known.set(text, this.#read(text));
    const shared = this.#known.get(text);
    return shared && this.#isCurrent(shared) ? shared : undefined;
  }

  #read(text: string): SharedVerdict | undefined {
    const { data } = sharedSchema.safeParse(toJson(text));
    if (!data) return undefined;
    const [judgedBy, fingerprints, scopeName, places, creator, warnings, version, placed] = data;
    const [fingerprint = '', primaryFingerprint = ''] = fingerprints ?? [];
    const signer = fingerprints ? { fingerprint, primaryFingerprint } : undefined;
    const release = placed ? this.#readRelease(placed) : undefined;
    const scope = this.#policy.scopes.get(scopeName) ?? (release && releaseScopeOf(release.area));
    const isOther = scope?.name !== scopeName || (placed !== null && !release);
    if (!scope || isOther || judgedBy !== this.#idOf(signer)) return undefined;
    const meets = places.flatMap((place) => scope.signedBy[place] ?? []);
    return { signer, scope, meets, creator, warnings, gpgv: version ?? undefined, release };
  }

  /** Undefined for an area that is not there any more, or has other keys. */
  #readRelease([id, repository, refused]: FormattedRelease): ReleasePlaces | undefined {
    const area = this.#policy.releases.find((one) => one.id === id);
    if (!area) return undefined;
    const [code, message, hint] = refused ?? [];
    const refusal =
      code !== undefined && isRejectionCode(code)
        ? reject(code, message ?? '', hint === undefined ? {} : { hint })
        : undefined;
    return { area, repository: repository ?? undefined, refusal };
  }

  /** Whether a verdict was made for files of a directory: what is in a release area is judged twice. */
  isFor({ release }: SharedVerdict, directory: string): boolean {
    const { releases } = this.#policy;
    if (releases.length === 0 && !release) return true;
    return findReleaseArea(releases, directory) === release?.area;
  }

  #isCurrent({ gpgv }: SharedVerdict): boolean {
    const current = this.#findGpgv();
    return gpgv === undefined || current === undefined || gpgv === current;
  }
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

type FormattedRelease = readonly [
  areaId: string,
  repository: string | null,
  refusal: readonly [code: string, message: string, hint: string] | null,
];

function formatRelease({ area, repository, refusal }: ReleasePlaces): FormattedRelease {
  const refused = refusal && ([refusal.code, refusal.message, refusal.hint] as const);
  return [area.id, repository ?? null, refused ?? null];
}

function keyIdOf({ fingerprint }: Signer): string {
  return fingerprint.slice(-16).toLowerCase();
}

function withoutKeys(name: string, value: unknown): unknown {
  return name === 'keyring' || name === 'keyFaults' ? undefined : value;
}

/**
 * Whether a verdict is worth keeping: a signature by none of the keys may be verified the next time, as
 * by an engine that is there then.
 */
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
    a.gpgv === b.gpgv &&
    a.release === b.release
  );
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
