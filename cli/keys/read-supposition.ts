// When, and without which keys, `keys` asks what nodes would accept.
import type { Supposition } from '../../generator/forecast/accepted-signers.ts';
import { type Moment, resolveMoment } from '../../generator/forecast/moment.ts';
import type { Keyring } from '../../generator/openpgp/keyring.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { KEY_FILE, isMissingFile, readKeys } from '../inputs/read-keys.ts';

const FINGERPRINT = /^(?:0x)?([0-9a-f]{40})$/i;

/**
 * Reads `--at` and `--without`; undefined where neither is given. The keys that are left out are among those
 * of `keyring`.
 * @throws UsageError for a time that has passed, and a key that no scope accepts
 */
export async function readSupposition(
  { at, without }: Pick<Settings, 'at' | 'without'>,
  keyring: Keyring,
  now: Date,
): Promise<Supposition | undefined> {
  if (at === undefined && without.length === 0) return undefined;
  const keys = new Set<string>();
  for (const key of without) for (const one of await readKey(key, keyring)) keys.add(one);
  return { at: at === undefined ? now : toTime(at, now), without: keys };
}

function toTime(moment: Moment, now: Date): Date {
  const at = resolveMoment(moment, now);
  if (at) return at;
  const hint = 'name a time to come, or days from now like 90d';
  throw new UsageError('--at: expected a time to come, got one that has passed', hint);
}

async function readKey(key: string, keyring: Keyring): Promise<readonly string[]> {
  const [, digits] = FINGERPRINT.exec(key.replaceAll(/\s/g, '')) ?? [];
  const wanted = digits === undefined ? await readNamed(key) : [digits.toUpperCase()];
  const known = new Set(keyring.parts.map(({ fingerprint }) => fingerprint));
  const unknown = wanted.find((one) => !known.has(one));
  if (unknown === undefined) return wanted;
  throw new UsageError(
    `--without: the key ${unknown} is none of those that signatures are verified with`,
    'name a key by its fingerprint, as `lookaside keys SOURCE` lists them, or by its file',
  );
}

/** What is no fingerprint is a file; a key ID or a mail address is neither. */
async function readNamed(name: string): Promise<readonly string[]> {
  try {
    const read = await readKeys([name], '--without');
    return [...(read?.lives.keys() ?? [])];
  } catch (error) {
    if (
      !(error instanceof UsageError) ||
      !isMissingFile(error) ||
      name.includes('/') ||
      KEY_FILE.test(name)
    )
      throw error;
    throw new UsageError(
      `--without: expected a fingerprint or a file of keys, got ${JSON.stringify(name)}`,
      'give all 40 digits, as `lookaside keys SOURCE` lists them',
      { cause: error },
    );
  }
}
