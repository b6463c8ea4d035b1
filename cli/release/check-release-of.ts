// `lookaside release check REF|DIGEST [SOURCE]`: whether clients of a release accept it, by their own rules.
import { type CheckedRelease, checkRelease } from '../../generator/release/check-release.ts';
import type { ReleaseKeyring } from '../../generator/release/release-keyring.ts';
import {
  type DockerReference,
  parsePulledImage,
  withoutTransport,
} from '../../generator/terms/image-name.ts';
import { toBudgets } from '../base/budget-options.ts';
import { assertFormat } from '../base/assert-format.ts';
import type { Settings } from '../base/options.ts';
import { type ProcessIo, write } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { openEngines } from '../inputs/open-engines.ts';
import { untilStopped, withTemporaryState } from '../inputs/open-source.ts';
import { readPlatformsIfCan } from '../registry/read-platforms.ts';
import { formatCheckedReleases } from './format-checked-releases.ts';
import { createNodeJudge } from './create-node-judge.ts';
import { type ReadOffers, offersAtServer, offersInSource } from './read-offers.ts';
import { readKeyringsOf } from './read-keyrings-of.ts';
import { assertAreas } from './write-configmaps.ts';

/** The image where it was named, and the digests that are asked about. */
interface Wanted {
  readonly image: DockerReference | undefined;
  readonly hexes: readonly string[];
}

const DIGEST = /^(?:sha256:)?([0-9a-f]{64})$/;
const HINT =
  'write lookaside release check sha256:… SOURCE, or --server with the address of the release store';

/** 0 where the cluster-version operator, oc-mirror and a node all accept it, else 1. */
export async function checkReleaseOf(
  [name, source, ...more]: readonly string[],
  settings: Settings,
  io: ProcessIo,
): Promise<number> {
  assertFormat('release', settings);
  const { server } = settings;
  if (name === undefined || more.length > 0) {
    throw new UsageError('expected a release and one place to look for its signatures', HINT);
  }
  if ((source === undefined) === (server === undefined)) {
    throw new UsageError('expected either SOURCE or --server, which say where to look', HINT);
  }
  assertAreas(settings);
  const keyrings = await readKeyringsOf(settings);
  const { image, hexes } = await readWanted(name, settings, io);
  const read =
    server === undefined
      ? await offersInSource(source ?? '', settings, io)
      : offersAtServer(server);
  const checked = await judgeAll({ image, hexes }, read, keyrings, settings, io);
  for (const { message } of keyrings.flatMap(({ warnings }) => warnings)) {
    io.stderr.write(`lookaside: warning: ${message}\n`);
  }
  await write(io.stdout, formatCheckedReleases(checked, settings.format === 'json', io));
  const isAccepted = checked.every(({ verdicts }) => verdicts.every((one) => one.isAccepted));
  return isAccepted ? 0 : 1;
}

/** A digest needs no registry; a tag is looked up, and a list counts with all that is in it. */
async function readWanted(name: string, settings: Settings, io: ProcessIo): Promise<Wanted> {
  const [, hex] = DIGEST.exec(name) ?? [];
  if (hex !== undefined) return { image: undefined, hexes: [hex] };
  const image = parsePulledImage(withoutTransport(name));
  if (!image) {
    const hint = 'write it as in a pull: quay.io/openshift-release-dev/ocp-release:4.15.0-x86_64';
    throw new UsageError(`expected a release image or a digest, got ${JSON.stringify(name)}`, hint);
  }
  if (image.digest !== undefined) return { image, hexes: [image.digest.slice(-64)] };
  const { list, manifests } = await untilStopped(io.signals, async (ending) =>
    readPlatformsIfCan(image, {
      wanted: [],
      authfile: settings.authfile,
      environment: io.environment,
      instead: 'name the release by its digest, which needs no registry',
      ending,
    }),
  );
  const hexes = manifests.map(({ digestHex }) => digestHex);
  return { image, hexes: list === undefined ? hexes : [list, ...hexes] };
}

async function judgeAll(
  { image, hexes }: Wanted,
  read: ReadOffers,
  keyrings: readonly ReleaseKeyring[],
  settings: Settings,
  io: ProcessIo,
): Promise<readonly CheckedRelease[]> {
  return withTemporaryState(io.signals, async (temporary, ending) => {
    const engines = await openEngines(io.environment, temporary, toBudgets(settings));
    try {
      const judge = await createNodeJudge(keyrings, engines.openMessage, image);
      const checked: CheckedRelease[] = [];
      for (const hex of hexes) {
        const offered = await read(hex, ending);
        checked.push(await checkRelease(hex, offered, keyrings, judge, new Date()));
      }
      return checked;
    } finally {
      await engines.close();
    }
  });
}
