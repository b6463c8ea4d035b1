// Whether the keys that a node should have are good where they lie, and the same as ours.
import { compareLives, toKeyState, type KeyState } from '../../openpgp/keys/key-state.ts';
import type { KeyInfo, Keyring } from '../../openpgp/keyring.ts';
import type { SignedBy } from '../../policy/policy.ts';
import { type NodeFinding, createFinding, type NodeFindingCode } from './finding.ts';
import type { PlacedKeys } from './inspect-keys.ts';
import { toPrintable } from '../../terms/text.ts';

export type KeyFaultCode = Extract<
  NodeFindingCode,
  'key-revoked' | 'key-cannot-sign' | 'key-expired' | 'key-expires-soon'
>;

export interface JudgeKeyOptions {
  readonly now: Date;
  /** Keys that expire within this time are told of, in milliseconds. */
  readonly expiryWarning: number;
}

/** Which of the wanted keys are no good where they lie, or soon, or are other copies. */
export function inspectKeyStates(
  places: readonly PlacedKeys[],
  wanted: readonly SignedBy[],
  options: JudgeKeyOptions,
): readonly NodeFinding[] {
  return places.flatMap(({ path, keyring, merged }) =>
    keyring.keys.flatMap(({ fingerprint }) => {
      const ours = findCopy(
        fingerprint,
        wanted.map((one) => one.keyring),
      );
      const copy = findCopy(fingerprint, [merged]);
      return ours && copy ? inspectKey(path, copy, ours, options) : [];
    }),
  );
}

/** A key, and the keyring that knows how it ends. */
interface Copy {
  readonly key: KeyInfo;
  readonly keyring: Keyring;
}

function findCopy(fingerprint: string, keyrings: readonly Keyring[]): Copy | undefined {
  return keyrings
    .flatMap((keyring) => keyring.keys.map((key) => ({ key, keyring })))
    .find(({ key }) => key.fingerprint === fingerprint);
}

function inspectKey(
  path: string,
  copy: Copy,
  ours: Copy,
  options: JudgeKeyOptions,
): readonly NodeFinding[] {
  const state = stateOf(copy, options.now);
  const code = judgeKey(state, options);
  const outdated = state.kind === 'revoked' ? undefined : compareCopies(path, copy, ours, options);
  // What ours would mend is told as that alone.
  if (!code || (outdated && judgeKey(stateOf(ours, options.now), options) !== code)) {
    return outdated ? [outdated] : [];
  }
  const message = `expected a key that stays valid, got ${nameKey(copy.key)}, which ${sayKeyState(state)}`;
  const severity = code === 'key-expires-soon' ? 'warning' : 'fault';
  const fault = createFinding(code, path, message, { severity });
  return outdated ? [outdated, fault] : [fault];
}

function compareCopies(
  path: string,
  copy: Copy,
  ours: Copy,
  { now }: JudgeKeyOptions,
): NodeFinding | undefined {
  const [got, wanted] = [lifeOf(copy), lifeOf(ours)];
  const difference = got && wanted && compareLives(got, wanted, now);
  if (!difference) return undefined;
  const [expected, found] = [ours, copy].map((one) => sayKeyState(stateOf(one, now)));
  const message =
    expected === found
      ? `expected the copy of ${nameKey(ours.key)} that was given, got one whose subkeys differ`
      : `expected a copy of ${nameKey(ours.key)} that ${expected}, got one that ${found}`;
  const severity = difference === 'signers' ? 'fault' : 'warning';
  return createFinding('key-outdated', path, message, { severity });
}

function lifeOf({ key, keyring }: Copy) {
  return keyring.lives.get(key.fingerprint);
}

function stateOf(copy: Copy, now: Date) {
  return toKeyState(copy.key, lifeOf(copy), now);
}

/** The fault of a key in a state, if it has one. */
export function judgeKey(
  state: KeyState,
  { now, expiryWarning }: JudgeKeyOptions,
): KeyFaultCode | undefined {
  switch (state.kind) {
    case 'revoked':
      return 'key-revoked';
    case 'cannot-sign':
      return 'key-cannot-sign';
    case 'expired':
      return 'key-expired';
    case 'expires': {
      const left = Date.parse(state.at) - now.getTime();
      return left > expiryWarning ? undefined : 'key-expires-soon';
    }
    case 'good':
    case 'unknown':
      return undefined;
  }
}

/** What sentences say of a key in a state. */
export function sayKeyState(state: KeyState): string {
  switch (state.kind) {
    case 'revoked':
      return 'is revoked';
    case 'cannot-sign':
      return state.since === undefined
        ? 'cannot sign'
        : `has not been able to sign since ${state.since}`;
    case 'expired':
      return `expired on ${state.at}`;
    case 'expires':
      return `expires on ${state.at}`;
    case 'good':
      return 'does not expire';
    case 'unknown':
      return 'cannot be read here';
  }
}

/** A key as sentences name it. */
export function nameKey({ fingerprint, userIds }: KeyInfo): string {
  return `${fingerprint} (${toPrintable(userIds.join(', '))})`;
}
