import { hash } from 'node:crypto';
import type { Judge, Signature } from '../../../generator/gate/judge.ts';
import { createScope } from '../../../generator/policy/policy.ts';
import { reject } from '../../../generator/terms/rejection.ts';

export const HEX = 'ab'.repeat(32);
export const DIRECTORY = `team/app@sha256=${HEX}`;

/** `signature-N` of the one image that these tests know. */
export const at = (number: number): string => `${DIRECTORY}/signature-${number}`;

/**
 * Judges texts without OpenPGP: what begins with `bad` is rejected, what begins with
 * `until TIME` (milliseconds since 1970) is good until then, all else is good. After `unsure`
 * nobody can say whether it is good any more.
 */
export function createFakeJudge(status: Signature['status'] = 'accepted'): Judge {
  const scope = createScope('', undefined, [{ type: 'insecureAcceptAnything' }]);
  const judge: Judge['judge'] = async (_location, bytes, now) => {
    const text = Buffer.from(bytes).toString();
    const until = /^until ([0-9]+)/.exec(text)?.[1];
    const validUntil = until === undefined ? Infinity : Number(until);
    if (text.startsWith('bad')) return reject('armored', 'expected binary, got text');
    if (validUntil <= now.getTime()) {
      return text.endsWith('unsure')
        ? reject('cannot-verify', 'nobody can say')
        : reject('signature-expired', 'expected a fresh one');
    }
    return {
      status,
      bytes,
      hash: hash('sha256', bytes, 'base64url'),
      claims: {
        dockerReference: 'registry.example.com/team/app:1',
        manifestDigest: `sha256:${HEX}`,
        creator: null,
        timestamp: null,
      },
      signer: undefined,
      scope,
      meets: [],
      signedAt: 0,
      validFrom: -Infinity,
      validUntil,
      gpgv: undefined,
      warnings: [],
    };
  };
  return { judge, suggest: async () => undefined };
}
