import { hash } from 'node:crypto';
import type { Judge } from '../../../generator/gate/judge.ts';
import { DEFERRED } from '../../../generator/openpgp/open-message.ts';
import { during, reject } from '../../../generator/terms/rejection.ts';
import { createFakeJudge } from './fake-judge.ts';

/** A judge of texts that keeps count, and whose gpgv can be taken away. */
export interface TimedJudge extends Judge {
  /** The texts that it was asked for, in order, but for those that it put off. */
  readonly asked: string[];
  /** Whether it can say anything of `usual` and `dear` texts. */
  hasGpgv: boolean;
  /** Runs before the word on a `dear` text. */
  onDear: () => Promise<void> | void;
}

/**
 * Judges texts as the fake judge does; those with `usual` or `dear` in them take that much effort, and
 * `bad from A until B` is rejected in that time (milliseconds since 1970), and good otherwise.
 */
export function createTimedJudge(): TimedJudge {
  const plain = createFakeJudge();
  const timed: TimedJudge = {
    asked: [],
    hasGpgv: true,
    onDear: () => undefined,
    suggest: plain.suggest,
    judge: async (location, bytes, now, effort = 'any') => {
      const text = Buffer.from(bytes).toString();
      const [isUsual, isDear] = [text.includes('usual'), text.includes('dear')];
      if ((isUsual || isDear) && effort === 'quick') return DEFERRED;
      if (isDear && effort === 'usual') return DEFERRED;
      if (isDear) await timed.onDear();
      timed.asked.push(text);
      if ((isUsual || isDear) && !timed.hasGpgv) return reject('cannot-verify', 'there is no gpgv');
      const [, from, until] = /bad from ([0-9]+) until ([0-9]+)/.exec(text) ?? [];
      const time = now.getTime();
      if (from === undefined) return plain.judge(location, bytes, now);
      const validity = { from: Number(from), until: Number(until) };
      if (validity.from <= time && time < validity.until) {
        return during(validity, reject('key-expired', 'the key has expired'));
      }
      const good = await plain.judge(location, Buffer.from('good'), now);
      const isBefore = time < validity.from;
      const times = isBefore
        ? { validFrom: -Infinity, validUntil: validity.from }
        : { validFrom: validity.until, validUntil: Infinity };
      return 'code' in good
        ? good
        : { ...good, bytes, hash: hash('sha256', bytes, 'base64url'), ...times };
    },
  };
  return timed;
}
