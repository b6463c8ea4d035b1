// Why an image is not signed: it has not arrived as it was.
import { formatReference } from '../../generator/policy/signed-identity.ts';
import { toLine } from '../../generator/terms/text.ts';
import type { ArrivalFault } from '../registry/copy-whole.ts';
import type { RefusedOutcome } from '../sign/format-signed.ts';

/** For a registry that would have an image under another digest, in the words of skopeo. */
export function refuseChange(message: string): RefusedOutcome {
  return {
    status: 'refused',
    code: 'digest-changed',
    message: `the other registry would not have it under the same digest: ${toLine(message)}`,
    hint: 'push the image again in a format that both registries take',
  };
}

/** For a registry that has something else after a copy. */
export function refuseArrival({ arrived, wanted, found }: ArrivalFault): RefusedOutcome {
  const got = found === undefined ? 'nothing' : found === '' ? 'no manifest' : `sha256:${found}`;
  return {
    status: 'refused',
    code: 'digest-changed',
    message: `expected sha256:${wanted} at ${formatReference(arrived)} after the copy, got ${got}`,
    hint: 'look at what the registry makes of images, and whether somebody else pushes this tag',
  };
}
