// A store of OpenShift releases, as clusters ask it before an update: by digests alone, into the release area of the
// repository, verified with a keyring as clusters load it.
import { basename } from 'node:path';
import type { ReleaseArea } from '../../generator/release/release-area.ts';
import type { ReleaseKeyring } from '../../generator/release/release-keyring.ts';
import {
  formatReleaseDirectory,
  parseReleaseDirectory,
} from '../../generator/terms/release-location.ts';
import { toLine } from '../../generator/terms/text.ts';
import {
  type MirroredName,
  type WantedDigest,
  withoutTag,
} from '../../signing/mirror/mirror-names.ts';
import { toReleaseRules } from '../../signing/mirror/store-rules.ts';
import type { OptionName, Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import type { OpenTarget } from '../inputs/open-target.ts';
import { readReleaseKeys } from '../inputs/read-keys.ts';
import type { ListedDigest } from './read-digest-list.ts';
import type { KindResources, OpenKind, StoreKind } from './store-kind.ts';

/** What says nothing of a release, and why. */
const USELESS: readonly (readonly [OptionName, string])[] = [
  ['map', 'a release is found by its digest, whatever its image is called here'],
  ['policy', 'clusters verify releases with a keyring: give it with --keys'],
  ['from-refused', 'clusters ask for a release before they update: give --digests or --images'],
];

/** @throws UsageError for keyrings that clusters cannot load, and options that say nothing of releases */
export async function readReleaseKind(settings: Settings): Promise<StoreKind> {
  for (const [name, why] of USELESS) {
    if (settings.origins[name] === undefined) continue;
    throw new UsageError(`--${name} cannot be used with --release: ${why}`, `leave out --${name}`);
  }
  const { keys, origins } = settings;
  const given = await readReleaseKeys(keys, origins.keys ?? '--keys');
  return {
    rulesHint: adviseArea(keys),
    leftOutAs: 'no release',
    open: async (resources) => openKind(given, resources),
  };
}

async function openKind(
  given: readonly ReleaseKeyring[],
  { target, settings, io }: KindResources,
): Promise<OpenKind> {
  for (const { message } of given.flatMap(({ warnings }) => warnings)) {
    io.stderr.write(`lookaside: warning: ${toLine(message)}\n`);
  }
  const area = chooseArea(target, given, settings);
  const want = (image: MirroredName | undefined, digestHex: string): WantedDigest => {
    const place = parseReleaseDirectory(formatReleaseDirectory(area.from, digestHex));
    if (!place) throw new Error(`no directory for sha256:${digestHex} in ${area.from}`);
    return { image, digestHex, directory: formatReleaseDirectory('', digestHex), place };
  };
  return {
    wanted: {
      fromList: (listed) =>
        listed.isPicked || isRelease(listed) ? want(nameOf(listed), listed.digestHex) : undefined,
      fromName: want,
    },
    rules: toReleaseRules(given.length > 0 ? given : area.keyrings),
    advise: () => undefined,
    close: async () => {},
  };
}

/**
 * The area that takes signatures by the keys that are given; without any, the only one.
 * @throws UsageError where there is none
 */
function chooseArea(
  { policy: { releases }, repository: { location } }: OpenTarget,
  given: readonly ReleaseKeyring[],
  { keys }: Settings,
): ReleaseArea {
  const [first, ...others] = releases;
  if (!first) throw new UsageError(`${location} has no release area`, adviseArea(keys));
  if (given.length === 0) {
    if (others.length === 0) return first;
    const message = `${location} has ${releases.length} release areas, each with its own keys`;
    throw new UsageError(message, 'give the keys of the one that is meant with --keys');
  }
  const fingerprints = new Set(given.flatMap(listFingerprints));
  const area = releases.find(({ keyrings }) =>
    keyrings.flatMap(listFingerprints).some((one) => fingerprints.has(one)),
  );
  if (area) return area;
  throw new UsageError(
    `${location} has no release area for signatures by ${[...fingerprints].join(' or ')}`,
    `push ${listTargetKeys(keys).join(', ')}, and name it below keys of a release area in its lookaside.yaml`,
  );
}

function listFingerprints({ keys }: ReleaseKeyring): readonly string[] {
  return keys.map(({ fingerprint }) => fingerprint);
}

/** Hints have one line. JSON is YAML, whatever the names of files. */
function adviseArea(keys: readonly string[]): string {
  const named = listTargetKeys(keys);
  const areas = JSON.stringify([{ from: 'releases', keys: named }]);
  return `push the keyring as ${named.join(', ')}, and add to lookaside.yaml: releases: ${areas}`;
}

/** Where keys of this run would lie in the repository. */
function listTargetKeys(keys: readonly string[]): readonly string[] {
  const named = keys.map((file) => `keys/${basename(file)}`);
  return named.length === 0 ? ['keys/release.asc'] : named;
}

/** How release images are called by those who build them, and here by `oc adm release mirror` and oc-mirror. */
const RELEASE_NAMES = /(?:^|\/)(?:ocp-release(?:-nightly)?|scos-release|release-images)$/;

/** Of a list of images of all sorts, those of releases. */
function isRelease({ image, copy }: ListedDigest): boolean {
  return [image, copy].some((one) => one !== undefined && RELEASE_NAMES.test(one.repository));
}

function nameOf({ image, copy }: ListedDigest): MirroredName | undefined {
  return image && { upstream: withoutTag(image), local: withoutTag(copy ?? image) };
}
