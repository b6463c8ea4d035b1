// Where a change of rules may take signatures out of what is served. A repository has a hundred thousand
// of them, and most changes concern few: a scope more, a key more, a key that expires later.
import { type Keyring, findsSame } from '../openpgp/keyring.ts';
import { type SigningKey, findRefusal, keyIdOf } from '../openpgp/signing-key.ts';
import type { Policy, Scope, SignedBy } from '../policy/policy.ts';
import { findAround, toName } from '../policy/scope-chain.ts';
import { isRuleAsStrictAs } from '../policy/strictness.ts';
import { isBelow } from '../release/release-area.ts';
import { hasPassed } from '../terms/validity.ts';

/** Where the signatures of one scope may lie. */
interface ScopePlace {
  /** What follows the host in the name of the scope; '' for all repositories. */
  readonly path: string;
  /** The directory that they must lie in; undefined: anywhere. */
  readonly prefix: string | undefined;
}

/** Places at which a signature may be good by the old rules and not by the new ones. */
export class ConcernedPlaces {
  readonly #places: readonly ScopePlace[];
  /** Directories of release areas. */
  readonly #areas: readonly string[];

  private constructor(places: readonly ScopePlace[], areas: readonly string[] = []) {
    this.#places = places;
    this.#areas = areas;
  }

  static readonly everywhere = new ConcernedPlaces([{ path: '', prefix: undefined }]);
  static readonly nowhere = new ConcernedPlaces([]);

  /** By what two policies ask for as of `now`; rather too many than too few. */
  static async between(from: Policy, to: Policy, now: Date): Promise<ConcernedPlaces> {
    if (becomesAmbiguous(from.keyring, to.keyring)) return ConcernedPlaces.everywhere;
    const places: ScopePlace[] = [];
    // For each image its scope has one of these names, before or after.
    for (const name of new Set([...from.scopes.keys(), ...to.scopes.keys()])) {
      const before = findAround(from.scopes, name);
      const after = findAround(to.scopes, name);
      if (!before || (after && (await takesAllOf(after, before, now)))) continue;
      places.push({ path: pathOf(name), prefix: before.prefix });
    }
    const known = new Set(to.releases.map(({ id }) => id));
    const areas = from.releases.filter(({ id }) => !known.has(id)).map((area) => area.from);
    return new ConcernedPlaces(places, areas);
  }

  get isEmpty(): boolean {
    return this.#places.length + this.#areas.length === 0;
  }

  /** Whether it may hold for signatures below `[prefix/]namespace/repo`. */
  has(repository: string): boolean {
    const isInArea = (from: string): boolean => repository === from || isBelow(repository, from);
    if (this.#areas.some(isInArea)) return true;
    const place = `/${repository}/`;
    return this.#places.some(({ path, prefix }) => {
      const inside = path === '' ? '/' : `/${path}/`;
      if (prefix === undefined) return place.includes(inside);
      return place.startsWith(prefix === '' ? inside : `/${prefix}${inside}`);
    });
  }
}

/** Whether a key ID may stand for several keys now, anywhere, and did not, or for others. */
function becomesAmbiguous(from: Keyring | undefined, to: Keyring | undefined): boolean {
  if (!to) return false;
  const ids = new Set(to.parts.map(keyIdOf));
  if (ids.size === to.parts.length) return false;
  return [...ids].some((id) => to.find(id).length > 1 && (!from || !findsSame(from, to, id)));
}

/** Without host, tag and digest. */
function pathOf(scope: string): string {
  const name = toName(scope);
  const slash = name.indexOf('/');
  return slash < 0 ? '' : name.slice(slash + 1);
}

/** Whether a signature that is good for an image in one scope surely is in the other, too. */
async function takesAllOf(scope: Scope, other: Scope, now: Date): Promise<boolean> {
  if (other.obstacle !== undefined) return true;
  if (scope.obstacle !== undefined || scope.prefix !== other.prefix) return false;
  if (other.takesAnything) return scope.takesAnything;
  for (const requirement of other.signedBy) {
    if (!(await isMetWith(requirement, scope.signedBy, now))) return false;
  }
  return true;
}

/** A signature is served that meets any of the requirements. */
async function isMetWith(
  { keyring, signedIdentity }: SignedBy,
  others: readonly SignedBy[],
  now: Date,
): Promise<boolean> {
  for (const other of others) {
    if (!isRuleAsStrictAs(signedIdentity, other.signedIdentity)) continue;
    if (await acceptsAllOf(other.keyring, keyring, now)) return true;
  }
  return false;
}

async function acceptsAllOf(keyring: Keyring, other: Keyring, now: Date): Promise<boolean> {
  for (const old of other.parts) {
    // A key of the same bytes may stand behind another with its ID, which engines find instead.
    if (findsSame(keyring, other, keyIdOf(old))) continue;
    if (!(await stillSigns(keyring, other, old, now))) return false;
  }
  return true;
}

/**
 * Whether another copy of a key is as good as the one before: what may sign as of now still may, and
 * every engine reads it alike. The dates of signatures do not matter, as nodes ask no key what it was then.
 */
async function stillSigns(
  keyring: Keyring,
  before: Keyring,
  { fingerprint, primaryFingerprint }: SigningKey,
  now: Date,
): Promise<boolean> {
  const life = before.lives.get(primaryFingerprint);
  if (life && !life.signers.has(fingerprint)) return true;
  const old = findKey(before, fingerprint, primaryFingerprint);
  if (old?.isPlain !== true) return false;
  if (!(await maySign(old, now))) return true;
  const key = findKey(keyring, fingerprint, primaryFingerprint);
  return key?.isPlain === true && (await maySign(key, now));
}

async function maySign(key: SigningKey, now: Date): Promise<boolean> {
  return !hasPassed(key.expiresAt, now) && (await findRefusal(key, now)) === undefined;
}

/** Undefined also where another key has the same ID. */
function findKey(keyring: Keyring, fingerprint: string, primary: string): SigningKey | undefined {
  const [key, other] = keyring.find(keyIdOf({ fingerprint }));
  if (!key || other) return undefined;
  return key.fingerprint === fingerprint && key.primaryFingerprint === primary ? key : undefined;
}
