// `lookaside explain IMAGE [SOURCE]`: whether nodes that pull an image would accept it, for people
// who were called because they do not.
import { existsSync } from 'node:fs';
import type { ExplainedImage } from '../../generator/explain/explain-image.ts';
import { formatReference } from '../../generator/policy/signed-identity.ts';
import {
  type DockerReference,
  looksLikeHost,
  parsePulledImage,
  withoutTransport,
} from '../../generator/terms/image-name.ts';
import { toShellWord } from '../../generator/terms/text.ts';
import { assertFormat } from '../base/assert-format.ts';
import type { OptionName, Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { write, type ProcessIo } from '../base/process-io.ts';
import { untilStopped } from '../inputs/open-source.ts';
import { tellRefused } from '../inputs/tell-refused.ts';
import type { ServerAnswer } from './explain-answer.ts';
import { explainAtServer, parseServer } from './explain-at-server.ts';
import { explainAtOtherStore, findScopeElsewhere } from './explain-at-other-store.ts';
import { checkPlace, explainAtSource } from './explain-at-source.ts';
import { type Explanation, formatExplained } from './format-explained.ts';
import { checkAuthfile } from '../registry/check-authfile.ts';
import { GIT_ACCESS_OPTIONS } from '../inputs/git-access.ts';
import { readPlatformsIfCan } from '../registry/read-platforms.ts';

const BY_DIGEST = 'name the image by the digest of its manifest, which needs no registry';

/** What a running server knows by itself. */
const OF_A_SOURCE: readonly OptionName[] = [
  'keys',
  'policy',
  'policy-root',
  'branch',
  'path',
  ...GIT_ACCESS_OPTIONS,
];

/**
 * Settles with the exit code: 0 where every platform that was asked about would be accepted, else 1.
 * `flags` are the options that the command line has.
 */
export async function explain(
  name: string,
  source: string | undefined,
  settings: Settings,
  io: ProcessIo,
  flags: ReadonlySet<string>,
): Promise<number> {
  return tellRefused(io, async () => explainImageOf(name, source, settings, io, flags));
}

async function explainImageOf(
  name: string,
  source: string | undefined,
  settings: Settings,
  io: ProcessIo,
  flags: ReadonlySet<string>,
): Promise<number> {
  const { format } = settings;
  assertFormat('explain', settings);
  assertNotSwapped(name, source);
  const image = readImage(name);
  const place = findPlace(source, settings, flags);
  if (settings.authfile !== undefined) await checkAuthfile(settings.authfile);
  const policy = typeof place === 'string' ? await checkPlace(place, settings, io) : undefined;
  const elsewhere = policy && findScopeElsewhere(policy, image);
  const { registry, list, manifests } = await untilStopped(io.signals, async (ending) =>
    readPlatformsIfCan(image, {
      wanted: settings.platform,
      authfile: settings.authfile,
      environment: io.environment,
      instead: BY_DIGEST,
      ending,
    }),
  );
  const hexes = [
    ...manifests.map(({ digestHex }) => digestHex),
    ...(list === undefined ? [] : [list]),
  ];
  const { images, ...origin } = elsewhere
    ? await explainAtOtherStore(elsewhere, image, hexes, settings, io)
    : typeof place === 'string'
      ? await explainAtSource(place, image, hexes, settings, io)
      : await askServer(place, image, hexes, io);
  const explanation: Explanation = {
    image: formatReference(image),
    origin,
    registry,
    list: list === undefined ? undefined : images.at(-1),
    platforms: manifests.flatMap(({ platform }, at) => withPlatform(platform, images[at])),
  };
  await write(io.stdout, formatExplained(explanation, format === 'json', io));
  return explanation.platforms.every(({ verdict }) => verdict === 'accepted') ? 0 : 1;
}

/** IMAGE and SOURCE look alike to neither people nor this: a place on the disk, or a URL, is no image. */
function assertNotSwapped(name: string, source: string | undefined): void {
  if (source === undefined || isSource(source)) return;
  const isPlace = isSource(name) || (/\/.*[:@]/.test(source) && !/[/:@]/.test(name));
  if (!isPlace) return;
  if (!parsePulledImage(withoutTransport(source))) return;
  throw new UsageError(
    `expected IMAGE before SOURCE, got ${JSON.stringify(name)} before ${JSON.stringify(source)}`,
    `write lookaside explain ${toShellWord(source)} ${toShellWord(name)}`,
  );
}

function isSource(text: string): boolean {
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

function readImage(name: string): DockerReference {
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
  const image = parsePulledImage(withoutTransport(name));
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

/** A running server, or a SOURCE. */
function findPlace(
  source: string | undefined,
  { server }: Settings,
  flags: ReadonlySet<string>,
): string | URL {
  if (source !== undefined) {
    if (flags.has('server')) {
      throw new UsageError('--server and SOURCE both say where to look', 'give one of them');
    }
    return source;
  }
  if (server === undefined) {
    const hint = 'give SOURCE, or --server with the address of the status listener of a server';
    throw new UsageError('explain needs a place to look for signatures', hint);
  }
  const url = parseServer(server);
  const unused = OF_A_SOURCE.find((name) => flags.has(name));
  if (url && unused !== undefined) {
    const hint = 'leave it out: the server uses its own';
    throw new UsageError(`--${unused} has no effect with a running server`, hint);
  }
  return url ?? server;
}

async function askServer(
  server: URL,
  image: DockerReference,
  hexes: readonly string[],
  { signals }: ProcessIo,
): Promise<Omit<ServerAnswer, 'version'> & { readonly server: string }> {
  const { generation, images } = await untilStopped(signals, async (ending) =>
    explainAtServer(server, image, hexes, ending),
  );
  return { images, server: server.href, generation };
}

function withPlatform(
  platform: string | null,
  image: ExplainedImage | undefined,
): Explanation['platforms'] {
  return image ? [{ platform, ...image }] : [];
}
