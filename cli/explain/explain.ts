// `lookaside explain IMAGE [SOURCE]`: whether nodes that pull an image would accept it, for people
// who were called because they do not.
import type { ExplainedImage } from '../../generator/explain/explain-image.ts';
import { formatReference } from '../../generator/policy/signed-identity.ts';
import {
  type DockerReference,
  parsePulledImage,
  withoutTransport,
} from '../../generator/terms/image-name.ts';
import { toShellWord } from '../../generator/terms/text.ts';
import { assertFormat } from '../base/assert-format.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { write, type ProcessIo } from '../base/process-io.ts';
import { untilStopped } from '../inputs/open-source.ts';
import { tellRefused } from '../inputs/tell-refused.ts';
import type { ServerAnswer } from './explain-answer.ts';
import { explainAtServer } from './explain-at-server.ts';
import { explainAtOtherStore, findScopeElsewhere } from './explain-at-other-store.ts';
import { findSignaturePlace } from '../status-listener/find-place.ts';
import { isSource, readImageOperand } from '../registry/image-operand.ts';
import { checkPlace, explainAtSource } from './explain-at-source.ts';
import { type Explanation, formatExplained } from './format-explained.ts';
import { checkAuthfile } from '../registry/check-authfile.ts';
import { readPlatformsIfCan } from '../registry/read-platforms.ts';

const BY_DIGEST = 'name the image by the digest of its manifest, which needs no registry';

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
  const image = readImageOperand(name, parsePulledImage);
  const place = findSignaturePlace('explain', source, settings, flags);
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
      : await askRunning(place, image, hexes, io);
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

async function askRunning(
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
