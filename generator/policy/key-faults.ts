// What a policy lacks where key files cannot be used. A fault of one scope says nothing about the others:
// a node too refuses the images of that scope alone.
import { type Rejection, reject } from '../terms/rejection.ts';
import { asSentence } from '../terms/text.ts';
import { type Policy, type Scope, type SignedBy, describeScope } from './policy.ts';

/** A file, or a directory of files, that was given as keys and cannot be used. */
export interface KeyFault {
  /** Names it, and what was expected of it. */
  readonly message: string;
  readonly hint: string;
  /** Whether its last good keys are used instead. */
  readonly isKept: boolean;
  /** Whether it still says something of those, as a certificate does that revokes one of them. */
  readonly isRevised?: boolean;
}

/** A fault, with the scope that it is in and what it means there. */
export interface ScopeKeyFault {
  /** As in {@link Scope}. */
  readonly scope: string;
  /**
   * `scope-not-judged`: no key is left that could tell which signatures are good. `key-file-unusable`:
   * the scope goes on with its other keys, or with those that were good last. Of a proposal
   * `key-ends-sooner`: a key of the scope is good for less long than before; `key-expires-soon`: not for long.
   */
  readonly code: 'scope-not-judged' | 'key-file-unusable' | 'key-ends-sooner' | 'key-expires-soon';
  readonly message: string;
  readonly hint: string;
  /** Of a proposal: whether it was so before, and is none of its doing. */
  readonly isKnown?: boolean;
}

/** Whether a requirement lacks the keys to tell what meets it. */
export function lacksKeys({ keyring, keyFaults = [] }: SignedBy): boolean {
  return keyFaults.length > 0 && keyring.keys.length === 0;
}

/** Whether a scope has such a requirement: then no signature is known to be all that it asks for. */
export function isUnjudged({ signedBy }: Pick<Scope, 'signedBy'>): boolean {
  return signedBy.some(lacksKeys);
}

/**
 * All faults of the keys of a policy, scope by scope: those of a scope that mean the same for it are one,
 * and each file is named once.
 */
export function listKeyFaults({ scopes }: Pick<Policy, 'scopes'>): readonly ScopeKeyFault[] {
  return [...scopes.values()].flatMap(listFaultsOf);
}

function listFaultsOf(scope: Scope): readonly ScopeKeyFault[] {
  const lost = scope.signedBy.filter(lacksKeys).flatMap(faultsOf);
  const others = scope.signedBy.filter((one) => !lacksKeys(one)).flatMap(faultsOf);
  return [
    describeFaults(scope, 'scope-not-judged', lost),
    ...RESTS.map(([rest, isSo]) =>
      describeFaults(scope, 'key-file-unusable', others.filter(isSo), rest),
    ),
  ].flat();
}

/** What becomes of a scope that goes on, by what is wrong with its files. */
const RESTS: readonly (readonly [string, (fault: KeyFault) => boolean])[] = [
  ['its other keys are used', ({ isKept }) => !isKept],
  ['its last good keys stay in force', ({ isKept, isRevised = false }) => isKept && !isRevised],
  [
    'its last good keys stay in force as far as it does not revoke them',
    ({ isKept, isRevised = false }) => isKept && isRevised,
  ],
];

/** How many files, directories and data cannot be used, by the scope that names them. */
export function countKeyFaults({ scopes }: Pick<Policy, 'scopes'>): ReadonlyMap<string, number> {
  const counts = [...scopes].map(([name, { signedBy }]): [string, number] => {
    const messages = signedBy.flatMap(faultsOf).map(({ message }) => message);
    return [name, new Set(messages).size];
  });
  return new Map(counts.filter(([, count]) => count > 0));
}

function faultsOf({ keyFaults = [] }: SignedBy): readonly KeyFault[] {
  return keyFaults;
}

function describeFaults(
  scope: Scope,
  code: ScopeKeyFault['code'],
  faults: readonly KeyFault[],
  rest?: string,
): readonly ScopeKeyFault[] {
  if (faults.length === 0) return [];
  const { name } = scope;
  const causes = joinOnce(faults.map(({ message }) => message));
  const hint = joinOnce(faults.map((fault) => fault.hint));
  const where = `${describeScope(scope)}: `;
  const message =
    rest === undefined
      ? sayNotJudged(scope, causes)
      : `${causes.startsWith(where) ? '' : where}${causes}; ${rest}`;
  return [{ scope: name, code, message, hint }];
}

function sayNotJudged(scope: Scope, causes: string): string {
  const where = describeScope(scope);
  const isNamed = causes.startsWith(`${where}: `);
  return `${where} cannot be judged: ${isNamed ? causes.slice(where.length + 2) : causes}`;
}

function joinOnce(texts: readonly string[]): string {
  return [...new Set(texts)].join('; ');
}

/** The verdict on a signature that a requirement without keys may ask for. */
export function rejectUnjudged(scope: Scope): Rejection {
  const keyFaults = scope.signedBy.filter(lacksKeys).flatMap(faultsOf);
  const causes = joinOnce(keyFaults.map(({ message }) => message));
  const hint = joinOnce(keyFaults.map((fault) => fault.hint));
  return reject('cannot-verify', sayNotJudged(scope, causes), { hint: asSentence(hint) });
}

/** Whether there is a scope for which some signature can be told good from bad. */
export function canJudge({ scopes }: Pick<Policy, 'scopes'>): boolean {
  return [...scopes.values()].some(
    ({ takesAnything, signedBy }) => takesAnything || signedBy.some((one) => !lacksKeys(one)),
  );
}
