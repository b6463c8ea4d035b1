// The policy.json that nodes have now, into which --merge puts our scopes.
import { signedScopes } from '../../generator/nodes/node-files.ts';
import { type PolicyJson, readPolicyJson } from '../../generator/nodes/policy-file.ts';
import { findLoosenings } from '../../generator/policy/strictness.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { Settings } from '../base/options.ts';
import { readPolicyText } from '../inputs/read-policy-text.ts';
import { judgeLoosenings, readStandingPolicy } from './installed-policy.ts';

/** A policy to put scopes into, and what is to be said of that. */
export interface ExistingPolicy {
  readonly content: PolicyJson;
  readonly warnings: readonly string[];
}

const HINT =
  'compare keys and signedIdentity; with --policy-root DIR its key paths start at DIR; --force merges all the same';

/**
 * Reads a policy.
 * @throws Complaint if nodes would refuse the file, or if one of our scopes, or what holds for
 * all others, would let through what the file keeps out, unless `--force` is given.
 */
export async function readExistingPolicy(
  file: string,
  policy: Policy,
  settings: Settings,
): Promise<ExistingPolicy> {
  const read = await readPolicyText('--merge', file);
  const content = readPolicyJson(read.text);
  const standing = await readStandingPolicy(file, read, content, settings['policy-root']);
  const loosenings = findLoosenings(signedScopes(policy), standing);
  const warnings = judgeLoosenings(file, content, loosenings, settings, HINT);
  const isOutside = standing.scopes.has('') && !policy.scopes.has('');
  if (settings.default === undefined || !isOutside) return { content, warnings };
  const outside = `${file}: the scope "" holds for images from registries, and not --default`;
  return { content, warnings: [...warnings, outside] };
}
