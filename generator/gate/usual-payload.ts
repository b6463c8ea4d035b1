// Payloads as skopeo and podman write them, character for character. There is one way only to read
// such text, so one expression will do, at a fraction of the cost of the strict reader.
import type { UntrustedClaims } from './claims.ts';

/** Longer payloads are not looked at. Bytes. */
const MAX_BYTES = 2048;
/**
 * Strings are of printable ASCII without `"` and `\`, which stands for itself in JSON; a creator is
 * short enough to be kept as it is, and the time is whole seconds that a double holds exactly.
 */
const USUAL =
  /^\{"critical":\{"identity":\{"docker-reference":"([ !#-[\]-~]*)"\},"image":\{"docker-manifest-digest":"([ !#-[\]-~]*)"\},"type":"atomic container signature"\},"optional":\{"creator":"([ !#-[\]-~]{0,256})","timestamp":(0|[1-9][0-9]{0,14})\}\}$/;

/** What a payload says, if it is written as usual; undefined for any other. */
export function readUsualPayload(untrustedPayload: Uint8Array): UntrustedClaims | undefined {
  if (untrustedPayload.length > MAX_BYTES) return undefined;
  const { buffer, byteOffset, byteLength } = untrustedPayload;
  const text = Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
  const [, reference, manifestDigest, creator, seconds] = USUAL.exec(text) ?? [];
  if (reference === undefined || manifestDigest === undefined || creator === undefined) {
    return undefined;
  }
  // A copy: a slice would keep the whole payload in memory for as long as the store.
  const dockerReference = Buffer.from(reference, 'latin1').toString('latin1');
  return { dockerReference, manifestDigest, creator, timestamp: Number(seconds) };
}
