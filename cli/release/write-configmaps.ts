// `lookaside release configmap SOURCE`: the signatures of the release areas of a source as ConfigMaps.
import {
  ConfigMapSizeError,
  type ReleaseSignatures,
  formatConfigMaps,
} from '../../generator/release/configmap/format-configmaps.ts';
import { parseReleaseDirectory } from '../../generator/terms/release-location.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { checkOnce } from '../check/check-once.ts';
import { writeFiles } from '../node-config/write-files.ts';
import { parseReleaseDigest } from './parse-release-digest.ts';

/** 1 where a digest that was asked for has no signature, or where there is none at all. */
export async function writeConfigMaps(
  source: string,
  settings: Settings,
  io: ProcessIo,
): Promise<number> {
  const { out, digest: wanted } = settings;
  if (out === undefined) {
    const hint = 'give --out DIR, or --out - for standard output';
    throw new UsageError('release configmap needs a place to write to', hint);
  }
  assertAreas(settings);
  const hexes = wanted.map((one) => parseReleaseDigest(one));
  const { store } = await checkOnce(source, settings, io);
  const all = readReleases(store);
  const missing = hexes.filter((hex) => !all.has(hex));
  const chosen = [...all.values()].filter(
    ({ digestHex }) => hexes.length === 0 || hexes.includes(digestHex),
  );
  for (const hex of missing) {
    io.stderr.write(`lookaside: no signature of sha256:${hex} counts in ${source}\n`);
  }
  if (chosen.length === 0) {
    if (missing.length === 0) io.stderr.write(`lookaside: no release is signed in ${source}\n`);
    return 1;
  }
  const files = format(chosen, settings['per-file']);
  await writeFiles(
    files.map(({ name, yaml }) => ({ path: `${name}.yaml`, bytes: Buffer.from(yaml) })),
    out,
    true,
    io,
  );
  return missing.length > 0 ? 1 : 0;
}

/** @throws UsageError */
export function assertAreas({ releases }: Settings): void {
  if (releases !== undefined) return;
  const hint = 'give the keys of the releases with --keys, or releases in the file of --config';
  throw new UsageError('nothing says whose signatures count for releases', hint);
}

/** What the areas of a store serve, by digest; of one that several areas have, the first one's. */
function readReleases(store: SignatureStore): ReadonlyMap<string, ReleaseSignatures> {
  const releases = new Map<string, ReleaseSignatures>();
  for (const directory of [...store.releases].toSorted()) {
    const digestHex = parseReleaseDirectory(directory)?.digestHex;
    if (digestHex === undefined || releases.has(digestHex)) continue;
    const signatures = store.servedFilesIn(directory).map(({ signature }) => signature.bytes);
    releases.set(digestHex, { digestHex, signatures });
  }
  return releases;
}

function format(releases: readonly ReleaseSignatures[], perFile: number) {
  try {
    return formatConfigMaps(releases, perFile);
  } catch (cause) {
    if (!(cause instanceof ConfigMapSizeError)) throw cause;
    const hint = 'raise --per-file, or leave the release out with --digest';
    throw new UsageError(cause.message, hint, { cause });
  }
}
