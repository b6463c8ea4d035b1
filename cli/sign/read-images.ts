// What is to be signed under which name, by the command line.
import { formatReference } from '../../generator/policy/signed-identity.ts';
import { type DockerReference, parseDockerReference } from '../../generator/terms/image-name.ts';
import { chooseIdentity } from '../../signing/sign/statement.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';

/** An image to sign. */
export interface NamedImage {
  /** In full; `latest` where it has neither tag nor digest. */
  readonly name: string;
  /** What the registry is asked for: by digest, if there is one. */
  readonly asked: DockerReference;
  /** The name to sign it under. */
  readonly identity: string;
}

/**
 * Reads IMAGE…, each once, and `--identity`.
 * @throws UsageError
 */
export function readImages(
  names: readonly string[],
  identity: string | undefined,
): readonly NamedImage[] {
  const as = identity === undefined ? undefined : readIdentity(identity);
  if (as?.tag !== undefined && names.length > 1) {
    const message = `--identity ${identity} has a tag, and can name one image only`;
    throw new UsageError(message, 'leave out the tag: each image keeps its own');
  }
  const images = names.map((name) => readImage(name, as));
  return [...new Map(images.map((image) => [image.name, image])).values()];
}

function readImage(text: string, as: DockerReference | undefined): NamedImage {
  const image = readImageName(text);
  return { ...toAsked(image), identity: chooseIdentity(image, as) };
}

/**
 * Reads an IMAGE: `latest` where it has neither tag nor digest.
 * @throws UsageError
 */
export function readImageName(text: string): DockerReference {
  const image = parseDockerReference(text);
  if (!image) {
    const hint = 'write it as nodes pull it, like quay.io/team/app:v1';
    throw new UsageError(`expected an image, got ${JSON.stringify(text)}`, hint);
  }
  const { digest } = image;
  if (digest !== undefined && !digest.startsWith('sha256:')) {
    throw new UsageError(`expected a sha256 digest, got ${digest}`, 'nodes know no other');
  }
  const isBare = image.tag === undefined && digest === undefined;
  return { ...image, tag: isBare ? 'latest' : image.tag };
}

/** How an image is called, and what a registry is asked for it. */
export function toAsked(image: DockerReference): Pick<NamedImage, 'name' | 'asked'> {
  const { tag, digest } = image;
  // skopeo takes no name with both.
  const asked = { ...image, tag: digest === undefined ? tag : undefined };
  return { name: formatReference(image), asked };
}

function readIdentity(text: string): DockerReference {
  const identity = parseDockerReference(text);
  if (identity && identity.digest === undefined) return identity;
  const message = `--identity: expected a name with or without a tag, got ${JSON.stringify(text)}`;
  throw new UsageError(message, 'write it as nodes pull the image, like quay.io/team/app:v1');
}

/** Names without a tag are good for few nodes. */
export function warnOfDigests(named: readonly NamedImage[], { stderr }: ProcessIo): void {
  for (const { name, identity } of named) {
    if (!identity.includes('@')) continue;
    stderr.write(
      `lookaside: warning: ${name} is signed under its digest: nodes accept that only when they pull this digest\n` +
        'hint: give it with its tag too, NAME:TAG@sha256:…, or --identity NAME:TAG\n',
    );
  }
}
