// What the gate will surely say of signatures that are not made yet: whether the rules take the key for the
// image, and whether their copy of it is still good. What shows only in a signature stays open.
import { formatPayload } from '../../generator/gate/claims.ts';
import { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import { toKeyState } from '../../generator/openpgp/keys/key-state.ts';
import type { OpenMessage, OpenedMessage } from '../../generator/openpgp/open-message.ts';
import type { Keyring } from '../../generator/openpgp/keyring.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import { type Rejection, isRejection, reject } from '../../generator/terms/rejection.ts';
import { ALWAYS, hasPassed } from '../../generator/terms/validity.ts';
import { type Statement, statementId, toClaims } from './statement.ts';

/** Nodes take what follows for a message in binary (containers/image internal/signature/signature.go). */
const FRAME = '\0simple-signing\n';

/**
 * The refusals of the signatures of statements by a key, as of `now`, by `statementId`. `fingerprint` is
 * that of the primary key.
 */
export async function foreseeRefusals(
  statements: readonly Statement[],
  policy: Policy,
  fingerprint: string,
  now: Date,
): Promise<ReadonlyMap<string, Rejection>> {
  const openMessage = openAsSignedBy(fingerprint);
  const judge = new PlacingJudge({ policy, openMessage, expiryWarning: 0 });
  const refusals = new Map<string, Rejection>();
  for (const statement of statements) {
    const payload = formatPayload(toClaims(statement, null, null));
    const verdict = await judge.place(Buffer.concat([Buffer.from(FRAME), payload]), now);
    if (isRejection(verdict)) refusals.set(statementId(statement), verdict);
  }
  return refusals;
}

/** Opens a bare payload as if the key had signed it. */
function openAsSignedBy(primaryFingerprint: string): OpenMessage {
  return async (untrustedPayload, keyring, now) => {
    const signedAt = now.getTime();
    const opened = { untrustedPayload, signedAt, expiresAt: Infinity, validity: ALWAYS };
    return keyring ? addSigner(opened, keyring, primaryFingerprint, now) : opened;
  };
}

function addSigner(
  opened: OpenedMessage,
  keyring: Keyring,
  primaryFingerprint: string,
  now: Date,
): OpenedMessage | Rejection {
  const key = keyring.keys.find(({ fingerprint }) => fingerprint === primaryFingerprint);
  const name = `the key ${primaryFingerprint}`;
  if (!key) return reject('unknown-signer', `${name} is not in the keyring`);
  const life = keyring.lives.get(primaryFingerprint);
  const state = toKeyState(key, life, now);
  switch (state.kind) {
    case 'revoked':
      return reject('key-revoked', `${name} is revoked`);
    case 'expired':
      return reject('key-expired', `${name} expired on ${toDay(state.at)}`);
    case 'cannot-sign':
      return state.since === undefined
        ? reject('unknown-signer', `no part of ${name} in the keyring may sign`)
        : reject('key-expired', `no part of ${name} may sign since ${toDay(state.since)}`);
    case 'good':
    case 'expires':
    case 'unknown': {
      const part = [...(life?.signers ?? [])].find(([, until]) => !hasPassed(until, now));
      const [fingerprint] = part ?? [primaryFingerprint];
      return { ...opened, signer: { fingerprint, primaryFingerprint } };
    }
  }
}

/** Of a time in ISO 8601. */
function toDay(time: string): string {
  return time.slice(0, 10);
}
