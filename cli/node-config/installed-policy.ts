// The policy.json that nodes have now: compared with ours, and merged into.
import { type PolicyJson, readPolicyJson } from '../../generator/nodes/policy-file.ts';
import {
  type Loosening,
  type InstalledPolicy,
  findLoosenings,
} from '../../generator/policy/strictness.ts';
import { warnOfPolicy } from '../../generator/policy/unmatched-scope.ts';
import type { Requirement, Policy } from '../../generator/policy/policy.ts';
import type { UnreadRequirement } from '../../generator/policy/policy-json.ts';
import { UsageError } from '../base/usage-error.ts';
import type { Settings } from '../base/options.ts';
import { readSignedBy } from '../inputs/read-policy.ts';
import { type PolicyText, readPolicyText } from '../inputs/read-policy-text.ts';
import { policyScopes } from '../../generator/nodes/node-files.ts';

/** A policy to put scopes into, and what is to be said of that. */
export interface ExistingPolicy {
  readonly content: PolicyJson;
  readonly warnings: readonly string[];
}

const MERGE_HINT =
  'compare keys and signedIdentity; with --policy-root DIR its key paths start at DIR; --force merges anyway';

/**
 * Reads the keys of a policy; their paths start at `root`.
 * @throws UsageError if a key file holds a private key.
 */
export async function readInstalledPolicy(
  file: string,
  { scopes }: PolicyText,
  { transports }: PolicyJson,
  root: string,
): Promise<InstalledPolicy> {
  const read = [...scopes].map(async ([name, unread]) => {
    const requirements = unread.map(async (one) => readRequirement(file, one, root));
    return [name, await Promise.all(requirements)] as const;
  });
  const all = new Map(await Promise.all(read));
  const outside = all.get('') ?? [];
  // The reader gives the default under this name where the file has no such scope.
  if (!Object.hasOwn(transports['docker'] ?? {}, '')) all.delete('');
  return { scopes: all, byDefault: outside };
}

async function readRequirement(
  file: string,
  requirement: UnreadRequirement,
  root: string,
): Promise<Requirement> {
  return requirement.type === 'signedBy' ? readSignedBy(file, requirement, root) : requirement;
}

/**
 * Sentences on what a policy file keeps out, and what comes after it does not.
 * @throws UsageError with `hint` if scopes or the default become looser, unless `--force` is given.
 */
export function judgeLoosenings(
  file: string,
  existing: PolicyJson,
  loosenings: readonly Loosening[],
  { default: byDefault, force }: Settings,
  hint: string,
): readonly string[] {
  const losses = loosenings.filter(({ kind }) => kind === 'replaced').map(describe);
  if (loosensDefault(existing, byDefault)) {
    losses.push('the default would accept images that it refuses now');
  }
  const [loss] = losses;
  if (loss !== undefined && !force) throw new UsageError(`${file}: ${loss}`, hint);
  const others = loosenings.filter(({ kind }) => kind !== 'replaced').map(describe);
  return [...losses, ...others].map((sentence) => `${file}: ${sentence}`);
}

function loosensDefault(existing: PolicyJson, byDefault: Settings['default']): boolean {
  if (byDefault !== 'insecureAcceptAnything') return false;
  return existing.default.some(({ type }) => type !== 'insecureAcceptAnything');
}

function describe({ kind, scope, other, reason }: Loosening): string {
  const name = JSON.stringify(scope);
  const around = other === undefined ? 'the default' : `the scope ${JSON.stringify(other)}`;
  const why = reason === undefined ? '' : ` (${reason})`;
  switch (kind) {
    case 'replaced':
      return `the scope ${name} would accept images that it refuses now${why}`;
    case 'taken out':
      return `images of ${name} would no longer be under ${around}, which is stricter${why}`;
    case 'left':
      return `${around} stays, and accepts images that ${name} refuses${why}`;
  }
}

/**
 * Reads the policy into which --merge puts our scopes.
 * @throws UsageError if nodes would refuse the file, or if one of our scopes, or what holds for
 * all others, would let through what the file keeps out, unless `--force` is given.
 */
export async function readExistingPolicy(
  file: string,
  policy: Policy,
  settings: Settings,
): Promise<ExistingPolicy> {
  const read = await readPolicyText('--merge', file);
  const content = readPolicyJson(read.text);
  const installed = await readInstalledPolicy(file, read, content, settings['policy-root']);
  const loosenings = findLoosenings(policyScopes(policy), installed);
  const warnings = [
    ...judgeLoosenings(file, content, loosenings, settings, MERGE_HINT),
    ...warnOfPolicy(read.scopes).map((sentence) => `${file}: ${sentence}`),
  ];
  const isOutside = installed.scopes.has('') && !policy.scopes.has('');
  if (settings.default === undefined || !isOutside) return { content, warnings };
  const outside = `${file}: its scope "" applies to images from registries, not --default`;
  return { content, warnings: [...warnings, outside] };
}
