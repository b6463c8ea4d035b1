import { UsageError } from '../base/usage-error.ts';

const DIGEST = /^(?:sha256:)?([0-9a-f]{64})$/;

/**
 * The hex digits of a digest as people write it, with or without `sha256:`.
 * @throws UsageError
 */
export function parseReleaseDigest(text: string): string {
  const [, hex] = DIGEST.exec(text) ?? [];
  if (hex !== undefined) return hex;
  throw new UsageError(
    `expected a digest, got ${JSON.stringify(text)}`,
    'write sha256: and 64 hexadecimal digits in lower case, as `oc adm release info` prints them',
  );
}
