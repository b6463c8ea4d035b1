import { PolicyJudge } from '../../generator/gate/judge.ts';
import { openGpgv } from '../../generator/openpgp/gpgv.ts';
import { createOpenMessage } from '../../generator/openpgp/open-message.ts';
import { readKeyring } from '../../generator/openpgp/read-keyring.ts';
import { createSimplePolicy } from '../../generator/policy/policy.ts';
import { formatLocation, parseLocation } from '../../generator/terms/location.ts';
import { isRejection } from '../../generator/terms/rejection.ts';
import { makeTemporary, removeTemporary } from '../kit/temporary.ts';
import { HEX, type Place } from './place.ts';
import type { Verdict } from './verdict.ts';

export interface Gate {
  /** Judges a file as it lies in the directory of an image. */
  readonly judge: (place: Place, bytes: Buffer) => Promise<Verdict>;
  readonly close: () => Promise<void>;
}

/** Our own verdicts, by both engines, with the keys of a binary keyring. */
export async function openGate(keyring: Buffer): Promise<Gate> {
  const directory = await makeTemporary();
  const gpgv = await openGpgv({ path: process.env['PATH'], directory });
  if (!gpgv) throw new Error('expected a gpgv that can be used, got none');
  const keys = await readKeyring([{ path: 'known.gpg', bytes: keyring }]);
  const { judge } = new PolicyJudge({
    policy: await createSimplePolicy(keys),
    openMessage: createOpenMessage(gpgv),
    expiryWarning: 0,
  });
  return {
    async judge(place, bytes) {
      const location = parseLocation(formatLocation(`${place}@sha256=${HEX}`, 1));
      if (!location) throw new Error(`${place} is no repository`);
      const result = await judge(location, bytes, new Date());
      if (isRejection(result)) {
        const { code, message, breaksPulls } = result;
        return { outcome: 'refused', breaksPulls, why: `${code}: ${message}` };
      }
      const isBySubkey = result.warnings.some(({ code }) => code === 'signing-subkey');
      return { outcome: 'accepted', breaksPulls: false, why: result.status, isBySubkey };
    },
    async close() {
      await gpgv.close();
      await removeTemporary(directory);
    },
  };
}
