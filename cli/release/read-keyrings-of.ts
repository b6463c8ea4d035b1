import type { ReleaseKeyring } from '../../generator/release/release-keyring.ts';
import type { Settings } from '../base/options.ts';
import { readReleaseKeys } from '../inputs/read-keys.ts';

/**
 * The keyrings of all release areas.
 * @throws UsageError
 */
export async function readKeyringsOf({
  releases = [],
  origins,
}: Settings): Promise<readonly ReleaseKeyring[]> {
  const keyrings: ReleaseKeyring[] = [];
  for (const [at, { keys }] of releases.entries()) {
    const origin = `${origins.releases ?? 'releases'}: ${at}: keys`;
    keyrings.push(...(await readReleaseKeys(keys, origin)));
  }
  return keyrings;
}
