// Image names as the nodes parse them (containers/image docker/reference, ParseNormalizedNamed): not
// quite as Docker does, which takes IPv6 addresses and hosts in capitals too.

/** A parsed image name with its host filled in. */
export interface DockerReference {
  /** `quay.io`, `localhost:5000`, …; `docker.io` where the name has none. */
  readonly host: string;
  /** `namespace/repo`; `library/repo` for a bare docker.io name. */
  readonly repository: string;
  readonly tag: string | undefined;
  /** `sha256:HEX`. */
  readonly digest: string | undefined;
}

/** The longest name that parses, in characters, host included (NameTotalLengthMax). */
export const MAX_NAME_LENGTH = 255;
const DEFAULT_HOST = 'docker.io';
const LEGACY_DEFAULT_HOST = 'index.docker.io';

const HOST_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const HOST = `${HOST_LABEL}(?:\\.${HOST_LABEL})*(?::[0-9]+)?`;
const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const REPOSITORY = `${COMPONENT}(?:/${COMPONENT})*`;
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';
const DIGEST = 'sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}';
const NORMALIZED = new RegExp(`^(${HOST})/(${REPOSITORY})(?::(${TAG}))?(?:@(${DIGEST}))?$`);
const NAME_PREFIX = new RegExp(`^${HOST}(?:/${COMPONENT})*$`);
const IDENTIFIER = /^[a-f0-9]{64}$/;

/** Parses an image name (`app`, `team/app:v1`, `host:5000/team/app@sha256:…`), or undefined. */
export function parseDockerReference(text: string): DockerReference | undefined {
  if (IDENTIFIER.test(text)) return undefined;
  const { host, rest } = splitHost(text);
  const match = NORMALIZED.exec(`${host}/${rest}`);
  const repository = match?.[2];
  if (!match || repository === undefined) return undefined;
  if (host.length + 1 + repository.length > MAX_NAME_LENGTH) return undefined;
  return { host, repository, tag: match[3], digest: match[4] };
}

/** What skopeo and podman put before the name of an image in a registry, or of their copy of it. */
const TRANSPORT = /^(?:docker:\/\/|docker-daemon:|containers-storage:(?:\[[^\]]*\])?)(?=[^/])/;

/** The name of an image as people copy it from a command line, without the transport before it. */
export function withoutTransport(text: string): string {
  return text.replace(TRANSPORT, '');
}

/**
 * Parses an image name as it is pulled: one without tag and digest is `latest`; of a tag and a digest
 * only the digest counts, as with podman. Undefined where it is no name.
 */
export function parsePulledImage(text: string): DockerReference | undefined {
  const reference = parseDockerReference(text);
  if (!reference) return undefined;
  if (reference.digest !== undefined) return { ...reference, tag: undefined };
  return { ...reference, tag: reference.tag ?? 'latest' };
}

/**
 * Parses an image name as it is written for others to pull: one without tag and digest is `latest`, and a tag
 * beside a digest stays. Undefined where it is no name.
 */
export function parseWrittenImage(text: string): DockerReference | undefined {
  const reference = parseDockerReference(text);
  const isBare = reference?.tag === undefined && reference?.digest === undefined;
  return reference && isBare ? { ...reference, tag: 'latest' } : reference;
}

/**
 * Parses an image name that must be in its full form (reference.ParseNamed): with host, `library/`
 * and all. Undefined for any other.
 */
export function parseFullName(text: string): DockerReference | undefined {
  const reference = parseDockerReference(text);
  if (!reference) return undefined;
  const { host, repository } = reference;
  return text.startsWith(`${host}/${repository}`) ? reference : undefined;
}

/** Whether text is a host, with or without the first components of a repository behind it. */
export function isNamePrefix(text: string): boolean {
  return NAME_PREFIX.test(text);
}

/** Whether a path component reads as a registry host and not as a namespace. */
export function looksLikeHost(component: string): boolean {
  return component.includes('.') || component.includes(':') || component === 'localhost';
}

/** `index.docker.io` is the old name of `docker.io`. */
export function normalizeHost(host: string): string {
  return host === LEGACY_DEFAULT_HOST ? DEFAULT_HOST : host;
}

function splitHost(text: string): { host: string; rest: string } {
  const slash = text.indexOf('/');
  const first = text.slice(0, Math.max(slash, 0));
  const hasHost = slash > 0 && looksLikeHost(first);
  const host = hasHost ? normalizeHost(first) : DEFAULT_HOST;
  const rest = hasHost ? text.slice(slash + 1) : text;
  const isBare = host === DEFAULT_HOST && !rest.includes('/');
  return { host, rest: isBare ? `library/${rest}` : rest };
}
