// The policy.json below --out DIR, which is replaced as a whole where there is no --merge.
import { join } from 'node:path';
import type { NodeFile } from '../../generator/nodes/node-file.ts';
import { policyScopes } from '../../generator/nodes/node-files.ts';
import { readPolicyJson } from '../../generator/nodes/policy-file.ts';
import { findLoosenings } from '../../generator/policy/strictness.ts';
import {
  type Policy,
  type Requirement,
  type Scope,
  createScope,
} from '../../generator/policy/policy.ts';
import { scopesAround } from '../../generator/policy/scope-chain.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { type PolicyText, parsePolicyText } from '../inputs/read-policy-text.ts';
import { judgeLoosenings, readInstalledPolicy } from './installed-policy.ts';

const HINT = '--merge FILE keeps what it says about other images; --force replaces it anyway';

/**
 * Compares a policy with that of a tree; its key paths start at `root`. Gives what is to be said.
 * @throws UsageError if something would be let through that the file keeps out, unless `--force` is
 * given.
 */
export async function judgeReplaced(
  root: string,
  { path, bytes }: NodeFile,
  policy: Policy,
  settings: Settings,
): Promise<readonly string[]> {
  const file = join(root, path);
  const read = parse(file, bytes);
  if (!read) return [];
  const content = readPolicyJson(read.text);
  const installed = await readInstalledPolicy(file, read, content, root);
  const scopes = policyScopes(policy);
  const gone = findGone([...installed.scopes.keys()], scopes, settings.default);
  const loosenings = findLoosenings([...scopes, ...gone], installed);
  return judgeLoosenings(file, content, loosenings, settings, HINT);
}

/** What nodes refuse lets nothing through that could be compared. */
function parse(file: string, untrustedBytes: Uint8Array): PolicyText | undefined {
  try {
    return parsePolicyText(file, Buffer.from(untrustedBytes).toString());
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

/** Scopes that are no longer there, with what will hold for their images. */
function findGone(
  names: readonly string[],
  scopes: readonly Scope[],
  byDefault: Settings['default'],
): readonly Scope[] {
  const ours = new Map(scopes.map((scope) => [scope.name, scope]));
  const outside: Requirement =
    byDefault === 'insecureAcceptAnything'
      ? { type: byDefault }
      : { type: 'unmeetable', what: 'rejects every image' };
  return names.flatMap((name) => {
    if (ours.has(name)) return [];
    const around = [...scopesAround(name)].find((wide) => ours.has(wide));
    const requirements = ours.get(around ?? '')?.requirements ?? [outside];
    return createScope(name, undefined, requirements);
  });
}
