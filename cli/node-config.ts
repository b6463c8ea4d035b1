// `lookaside node-config`: what nodes need to use the store, from the same description that the
// gate judges by.
import { adviseOn } from '../generator/node-config/advice.ts';
import { signedScopes } from '../generator/node-config/node-files.ts';
import type { Policy } from '../generator/policy/policy.ts';
import { compareNode } from './compare-node.ts';
import { Complaint } from './complaint.ts';
import { createFiles, readNodePolicy, toNodeFilesOptions } from './describe-nodes.ts';
import type { Settings } from './options.ts';
import { type ExistingPolicy, readExistingPolicy } from './read-existing-policy.ts';
import type { World } from './world.ts';
import { writeFiles } from './write-files.ts';
import { checkTarget, writeTarget } from './write-target.ts';

/** Settles with the exit code. */
export async function nodeConfig(settings: Settings, world: World): Promise<number> {
  const { out, check, diff } = settings;
  if (check !== undefined || diff !== undefined) return compareNode(settings, world);
  if (out === undefined) {
    throw new Complaint('node-config needs a place to write to', 'give --out DIR, or --out -');
  }
  checkTarget(settings);
  const policy = await readNodePolicy(settings);
  const existing = await readExisting(settings, policy);
  const options = toNodeFilesOptions(settings, existing?.content);
  const madeFrom = { scopes: signedScopes(policy), url: options.url };
  const target = writeTarget(createFiles(policy, options), settings, madeFrom);
  const now = new Date();
  const advice = adviseOn(policy, { ...options, now, expiryWarning: settings['expiry-warning'] });
  const warnings = [...(existing?.warnings ?? []), ...advice, ...target.advice];
  for (const sentence of warnings) world.stderr.write(`lookaside: warning: ${sentence}\n`);
  await writeFiles(target.files, out, target.isConcatenable, world);
  return 0;
}

async function readExisting(
  settings: Settings,
  policy: Policy,
): Promise<ExistingPolicy | undefined> {
  if (settings.merge !== undefined) return readExistingPolicy(settings.merge, policy, settings);
  if (settings.default !== undefined) return undefined;
  throw new Complaint(
    'it must be said what holds for images that no scope covers',
    'give --default reject or --default insecureAcceptAnything, or --merge FILE',
  );
}
