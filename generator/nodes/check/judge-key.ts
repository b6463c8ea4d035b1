// What is the matter with a key of a node, or with one that nodes shall have.
import type { KeyInfo } from '../../openpgp/openpgp-js.ts';
import type { KeyState } from '../../openpgp/key-state.ts';
import { toPrintable } from '../../terms/text.ts';
import type { NodeFindingCode } from './finding.ts';

export type KeyFaultCode = Extract<
  NodeFindingCode,
  'key-revoked' | 'key-cannot-sign' | 'key-expired' | 'key-expires-soon'
>;

export interface JudgeKeyOptions {
  readonly now: Date;
  /** Keys that expire within this time are told of, in milliseconds. */
  readonly expiryWarning: number;
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
        ? 'has no part that may sign'
        : `has had no part that may sign since ${state.since}`;
    case 'expired':
      return `has expired on ${state.at}`;
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
