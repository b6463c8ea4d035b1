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
}

/** A fault, with the scope that it is in and what it means there. */
export interface ScopeKeyFault {
  /** As in {@link Scope}. */
  readonly scope: string;
  /**
   * `scope-not-judged`: no key is left that could tell which signatures are good. `key-file-unusable`:
   * the scope goes on with its other keys, or with those that were good last.
   */
  readonly code: 'scope-not-judged' | 'key-file-unusable';
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

/** All faults of the keys of a policy, scope by scope. */
export function listKeyFaults({ scopes }: Pick<Policy, 'scopes'>): readonly ScopeKeyFault[] {
  return [...scopes.values()].flatMap(({ name, signedBy }) =>
    signedBy.flatMap((requirement) =>
      (requirement.keyFaults ?? []).map((fault) => describeFault(name, requirement, fault)),
    ),
  );
}

function describeFault(scope: string, requirement: SignedBy, fault: KeyFault): ScopeKeyFault {
  const { message, hint, isKept } = fault;
  const where = describeScope(scope);
  if (lacksKeys(requirement)) {
    return {
      scope,
      code: 'scope-not-judged',
      message: `${where} cannot be judged: ${message}`,
      hint,
    };
  }
  const rest = isKept ? 'its last good keys stay in force' : 'its other keys are used';
  return { scope, code: 'key-file-unusable', message: `${where}: ${message}; ${rest}`, hint };
}

/** The verdict on a signature that a requirement without keys may ask for. */
export function rejectUnjudged({ name }: Scope, { keyFaults = [] }: SignedBy): Rejection {
  const [fault] = keyFaults;
  const message = `${describeScope(name)} cannot be judged: ${fault?.message ?? 'it has no keys'}`;
  return reject('cannot-verify', message, fault && { hint: asSentence(fault.hint) });
}

/** Whether there is a scope for which some signature can be told good from bad. */
export function canJudge({ scopes }: Pick<Policy, 'scopes'>): boolean {
  return [...scopes.values()].some(
    ({ takesAnything, signedBy }) => takesAnything || signedBy.some((one) => !lacksKeys(one)),
  );
}
