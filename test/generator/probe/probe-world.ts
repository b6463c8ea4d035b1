import { formatPayload } from '../../../generator/gate/claims.ts';
import type { ProbedImage } from '../../../generator/probe/probe-image.ts';
import {
  type ProbeOptions,
  type ProbeReport,
  probeStore,
} from '../../../generator/probe/probe-store.ts';
import { parseStoreAddress } from '../../../generator/probe/store-address.ts';
import { formatDirectory, formatLocation } from '../../../generator/terms/location.ts';
import { forgeMessage, forgeSigner } from '../../kit/samples/forged.ts';
import { openInProcess } from '../../kit/samples/samples.ts';

export const HEX = 'ab'.repeat(32);
export const IMAGE: ProbedImage = {
  name: `registry.example/team/app@sha256:${HEX}`,
  repository: 'team/app',
  digestHex: HEX,
};
const DIRECTORY = formatDirectory(IMAGE.repository, HEX);

/** The location of a signature of the image. */
export const at = (number: number): string => formatLocation(DIRECTORY, number);

/** A signature of an image, good by its form. */
export function signFor(digestHex = HEX): Buffer {
  const payload = formatPayload({
    dockerReference: 'registry.example/team/app:v1',
    manifestDigest: `sha256:${digestHex}`,
    creator: null,
    timestamp: null,
  });
  return forgeMessage(forgeSigner(), { payload: Buffer.from(payload) });
}

const HOUR = 3_600_000;

/** Probes without the times that a machine with much to do would miss. */
export async function probeAt(
  url: string,
  options: Partial<ProbeOptions> = {},
): Promise<ProbeReport> {
  return probeStore(parseStoreAddress(url), {
    images: [],
    reading: { keyring: undefined, openMessage: openInProcess },
    lookup: async (name) => [name],
    trusted: undefined,
    expiryWarning: 0,
    now: new Date(),
    patience: HOUR,
    slowAfter: HOUR,
    pause: 0,
    timeLimit: HOUR,
    ending: new AbortController().signal,
    ...options,
  });
}
