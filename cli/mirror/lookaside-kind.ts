// A store in which nodes look for signatures: verified with keys as nodes read them, for images under their names.
import { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import { canJudge, listKeyFaults } from '../../generator/policy/key-faults.ts';
import { type Policy, findScope } from '../../generator/policy/policy.ts';
import { type ImageDirectory, formatDirectory } from '../../generator/terms/location.ts';
import {
  MirrorNames,
  type MirroredName,
  type WantedDigest,
  withoutTag,
} from '../../signing/mirror/mirror-names.ts';
import { toLookasideRules } from '../../signing/mirror/store-rules.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { openEngines, warnOfKeys } from '../inputs/open-engines.ts';
import { readPolicy, warnOfKeyFaults } from '../inputs/read-policy.ts';
import { adviseTarget } from './advise-target.ts';
import type { ListedDigest } from './read-digest-list.ts';
import type { KindResources, OpenKind, StoreKind } from './store-kind.ts';

/** @throws UsageError where no keys are given that can be used */
export async function readLookasideKind(settings: Settings, io: ProcessIo): Promise<StoreKind> {
  const policy = await readUpstreamPolicy(settings, io);
  return {
    rulesHint:
      'make one with `lookaside init`, with the keys of the upstream for its images, and push it',
    leftOutAs: 'not below any --map',
    open: async (resources) => openKind(policy, resources),
  };
}

async function readUpstreamPolicy(settings: Settings, { stderr }: ProcessIo): Promise<Policy> {
  const policy = await readPolicy(settings);
  if (!policy.isConfigured) {
    const hint = 'give the public keys of the upstream with --keys';
    throw new UsageError('mirror needs the keys of the upstream: no server is believed', hint);
  }
  const [fault] = canJudge(policy) ? [] : listKeyFaults(policy);
  if (fault) throw new UsageError(fault.message, fault.hint);
  warnOfKeyFaults(policy, stderr);
  return policy;
}

async function openKind(
  policy: Policy,
  { target, settings, io, directory }: KindResources,
): Promise<OpenKind> {
  const names = new MirrorNames(settings.map);
  const want = (image: MirroredName, digestHex: string): WantedDigest => ({
    image,
    digestHex,
    directory: formatDirectory(image.upstream.repository, digestHex),
    place: placeIn(target.policy, image, digestHex),
  });
  const engines = await openEngines(io.environment, directory, toBudgets(settings));
  for (const warning of warnOfKeys(policy, engines)) {
    io.stderr.write(`lookaside: warning: ${warning}\n`);
  }
  const { openMessage } = engines;
  return {
    wanted: {
      fromList: (listed) => {
        const name = findName(listed, names);
        return name && want(name, listed.digestHex);
      },
      fromName: want,
    },
    rules: toLookasideRules(new PlacingJudge({ policy, openMessage, expiryWarning: 0 })),
    advise: (digests) => adviseTarget(digests, settings),
    close: async () => engines.close(),
  };
}

/** Where nodes look that pull an image by its name here, or through a mirror of that name. */
function placeIn(policy: Policy, { local }: MirroredName, digestHex: string): ImageDirectory {
  const prefix = findScope(policy, { ...local, digest: `sha256:${digestHex}` })?.prefix ?? '';
  const repository = prefix === '' ? local.repository : `${prefix}/${local.repository}`;
  return { directory: formatDirectory(repository, digestHex), repository, digestHex };
}

/** @throws UsageError for a digest alone that could be of any repository */
function findName(
  { image, copy, digestHex }: ListedDigest,
  names: MirrorNames,
): MirroredName | undefined {
  if (image) {
    const found = names.find(image);
    return found && copy && !names.isRenaming ? { ...found, local: withoutTag(copy) } : found;
  }
  if (names.only) return names.only;
  throw new UsageError(
    `--digests: sha256:${digestHex} does not say of which image it is`,
    'write IMAGE@sha256:…, or give one --map of one repository, as --map quay.io/vendor/app=example.com/vendor/app',
  );
}
