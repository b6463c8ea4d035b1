// An image as people name it on the command line.
import { existsSync } from 'node:fs';
import {
  type DockerReference,
  looksLikeHost,
  parsePulledImage,
  withoutTransport,
} from '../../generator/terms/image-name.ts';
import { UsageError } from '../base/usage-error.ts';

/** Whether text names a place on the disk, or has the form of a URL: no image does. */
export function isSource(text: string): boolean {
  return (
    existsSync(text) || /^(?:\.{0,2}\/|(?:https?|ssh|git|file):\/\/|[^/:]+@[^/:]+:)/.test(text)
  );
}

/** Images on the machine whose name has no host: nodes look up no signatures for them. */
const LOCAL = /^(?:docker-daemon|containers-storage):/;
const WEB = /^https?:\/\//i;
/** Places that have no name under which nodes could pull. */
const NOT_PULLED = /^(?:dir|docker-archive|oci|oci-archive|ostree|sif|tarball):/;
const DIGEST_ALONE = /^(?:@?sha256:)?[0-9a-f]{64}$/i;

/**
 * The image that an operand names, as `parse` reads it.
 * @throws UsageError for what nodes do not pull, with what is meant
 */
export function readImageOperand(
  name: string,
  parse: (name: string) => DockerReference | undefined,
): DockerReference {
  if (DIGEST_ALONE.test(name)) {
    const hex = name.slice(-64).toLowerCase();
    throw new UsageError(
      `expected an image, got the digest ${JSON.stringify(name)} without the name of its image`,
      `put the name before it, as in a pull: quay.io/team/app@sha256:${hex}`,
    );
  }
  const [host = '', path] = withoutTransport(name).split('/');
  const isLocal = LOCAL.test(name) && (path === undefined || !looksLikeHost(host));
  if (isLocal && !existsSync(name)) {
    throw new UsageError(
      `expected an image in a registry, got ${JSON.stringify(name)}, which lies on the machine: no signatures are looked up for it`,
      'write the name under which nodes pull it: quay.io/team/app:v1',
    );
  }
  const image = parse(withoutTransport(name));
  const hint = 'write it as in a pull: quay.io/team/app:v1 or quay.io/team/app@sha256:…';
  if (NOT_PULLED.test(name) && !existsSync(name)) {
    throw new UsageError(
      `expected an image in a registry, got ${JSON.stringify(name)}, which no node pulls`,
      hint,
    );
  }
  if (!image) {
    const { reason = '', cure = hint } = explainBadName(name);
    throw new UsageError(`expected an image, got ${JSON.stringify(name)}${reason}`, cure);
  }
  if (image.digest !== undefined && !image.digest.startsWith('sha256:')) {
    throw new UsageError(
      `expected a sha256 digest, got ${image.digest}`,
      'nodes use no other algorithm',
    );
  }
  return image;
}

/** What is wrong with the name of an image, behind it, and what to write. */
function explainBadName(name: string): { readonly reason?: string; readonly cure?: string } {
  const bare = name.replace(WEB, '').replace(/\/+$/, '');
  const [, host = '', path = '', rest = ''] = /^([^/]+\/)([^:@]*)(.*)$/s.exec(bare) ?? [];
  const reason = WEB.test(name) ? 'names have no scheme' : 'repositories are in lower case';
  const meant = `${host}${path.toLowerCase()}${rest}`;
  const isMeant = meant !== name && parsePulledImage(meant) !== undefined;
  return isMeant ? { reason: `: ${reason}`, cure: `write ${meant}` } : {};
}
