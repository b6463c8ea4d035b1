import { text } from 'node:stream/consumers';
import type { ProbedImage } from '../../generator/probe/probe-image.ts';
import { MOST_TEXT_BYTES, readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { parsePulledImage, withoutTransport } from '../../generator/terms/image-name.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';

/** Each is asked for at each address of the store. */
const MOST_IMAGES = 5000;
const DIGEST = /^sha256:([0-9a-f]{64})$/;
const HINT =
  'name each image with the digest of its manifest, as in quay.io/team/app@sha256:…; `skopeo inspect --format {{.Digest}} docker://IMAGE` prints it';

/**
 * Reads images, a line each; empty lines and those that begin with # are left out. No registry is asked: each
 * has a digest, and a tag before it does not count.
 * @throws UsageError
 */
export async function readImageList(
  file: string | undefined,
  { stdin }: Pick<ProcessIo, 'stdin'>,
): Promise<readonly ProbedImage[]> {
  if (file === undefined) return [];
  const list = file === '-' ? await text(stdin) : await readList(file);
  const images = new Map<string, ProbedImage>();
  for (const [index, written] of list.split('\n').entries()) {
    const name = written.trim();
    if (name === '' || name.startsWith('#')) continue;
    const image = parsePulledImage(withoutTransport(name));
    const [, digestHex] = DIGEST.exec(image?.digest ?? '') ?? [];
    if (!image || digestHex === undefined) {
      const place = `${file === '-' ? 'standard input' : file}:${index + 1}`;
      throw new UsageError(
        `--images: ${place}: expected an image with a sha256 digest, got ${JSON.stringify(name)}`,
        HINT,
      );
    }
    const { repository } = image;
    images.set(`${repository} ${digestHex}`, { name, repository, digestHex });
  }
  if (images.size === 0) throw new UsageError(`--images: ${file} names no image`, HINT);
  if (images.size > MOST_IMAGES) {
    const message = `--images: expected at most ${MOST_IMAGES} images, got ${images.size}`;
    throw new UsageError(message, 'split the list, or name the images that matter most');
  }
  return [...images.values()];
}

async function readList(file: string): Promise<string> {
  try {
    return (await readBounded(file, MOST_TEXT_BYTES)).toString();
  } catch (cause) {
    const hint = 'give a file with an image a line, or - for standard input';
    throw new UsageError(`--images: ${messageOf(cause)}`, hint, { cause });
  }
}
