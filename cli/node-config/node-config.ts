// `lookaside node-config`: what nodes need to use the store, from the same description that the
// gate judges by.
import { signedScopes } from '../../generator/nodes/node-files.ts';
import { adviseOnLayout, adviseOn } from '../../generator/nodes/check/advice.ts';
import { adviseOnReleaseStores } from '../../generator/nodes/release-stores.ts';
import type { StoreUrl } from '../../generator/nodes/store-url.ts';
import type { NodeFile } from '../../generator/nodes/node-file.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import { toPrintable } from '../../generator/terms/text.ts';
import { checkOptions } from './check-options.ts';
import { compareNode } from './compare-node.ts';
import { UsageError } from '../base/usage-error.ts';
import { findUnreadKeyFiles } from '../inputs/unread-key-files.ts';
import { createFiles, readNodePolicy, toNodeFilesOptions } from './describe-nodes.ts';
import type { Settings } from '../base/options.ts';
import { inspectOut } from './inspect-out.ts';
import { type ExistingPolicy, readExistingPolicy } from './installed-policy.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { STANDARD_OUTPUT, writeFiles } from './write-files.ts';
import { checkTarget, writeTarget } from './write-target.ts';

/** Settles with the exit code. `flags` are the options that the command line has. */
export async function nodeConfig(
  settings: Settings,
  io: ProcessIo,
  flags: ReadonlySet<string>,
): Promise<number> {
  const { out, check, cluster, diff } = settings;
  if ((check ?? cluster ?? diff) !== undefined) return compareNode(settings, io, flags);
  if (out === undefined) {
    throw new UsageError(
      'node-config needs --out: where to write the files',
      'give --out DIR, or --out -',
    );
  }
  checkOptions(settings, flags);
  checkTarget(settings);
  const policy = await readNodePolicy(settings);
  const existing = await readExisting(settings, policy);
  const options = toNodeFilesOptions(settings, policy, existing?.content);
  const madeFrom = { scopes: signedScopes(policy), url: options.url };
  const files = createFiles(policy, options);
  const target = writeTarget(files, settings, madeFrom);
  const found = await inspectPlace(files, out, policy, settings);
  const now = new Date();
  const warnings = [
    ...(await findUnreadKeyFiles(settings)),
    ...(existing?.warnings ?? []),
    ...found,
    ...adviseOn(policy, { ...options, now, expiryWarning: settings['expiry-warning'] }),
    ...(settings.target === 'flatpak' ? [] : adviseOnLayout(madeFrom.scopes, options)),
    ...target.advice,
    ...adviseOnCluster(settings, options.url),
  ];
  await writeFiles(target.files, out, target.isConcatenable, io);
  for (const sentence of warnings) {
    io.stderr.write(`lookaside: warning: ${toPrintable(sentence)}\n`);
  }
  return 0;
}

/** The forms in which only clusters of OpenShift are configured. */
const OF_CLUSTERS: ReadonlySet<Settings['target']> = new Set(['machineconfig', 'butane']);

function adviseOnCluster(
  { target, releases = [] }: Settings,
  url: StoreUrl | undefined,
): readonly string[] {
  if (!OF_CLUSTERS.has(target) || releases.length === 0) return [];
  if (!url) {
    return ['without --url, it cannot say where clusters find the signatures of releases'];
  }
  return adviseOnReleaseStores(
    releases.map(({ prefix }) => prefix),
    url,
  );
}

/** Only the files as they are lie where others may lie already. */
async function inspectPlace(
  files: readonly NodeFile[],
  out: string,
  policy: Policy,
  settings: Settings,
): Promise<readonly string[]> {
  if (settings.target !== 'files' || out === STANDARD_OUTPUT) return [];
  return inspectOut(out, files, policy, settings);
}

async function readExisting(
  settings: Settings,
  policy: Policy,
): Promise<ExistingPolicy | undefined> {
  if (settings.merge !== undefined) return readExistingPolicy(settings.merge, policy, settings);
  if (settings.default !== undefined) return undefined;
  throw new UsageError(
    '--default is required: it decides about images outside all scopes',
    'give --default reject or --default insecureAcceptAnything, or --merge FILE',
  );
}
