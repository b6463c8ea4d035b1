// The policy.json that nodes have now, into which --merge puts our scopes.
import { signedScopes } from '../generator/node-config/node-files.ts';
import { type PolicyJson, readPolicyJson } from '../generator/node-config/policy-file.ts';
import { messageOf } from '../generator/message-of.ts';
import {
  type Loosening,
  type StandingPolicy,
  findLoosenings,
} from '../generator/policy/loosenings.ts';
import type { Policy, Requirement } from '../generator/policy/policy.ts';
import type { UnreadRequirement } from '../generator/policy/policy-json.ts';
import { Complaint } from './complaint.ts';
import type { Settings } from './options.ts';
import { readSignedBy } from './read-policy.ts';
import { type PolicyText, readPolicyText } from './read-policy-text.ts';

/** A policy to put scopes into, and what is to be said of that. */
export interface ExistingPolicy {
  readonly content: PolicyJson;
  readonly warnings: readonly string[];
}

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
  const replaced = loosenings.filter(({ kind }) => kind === 'replaced');
  const losses = replaced.map(describe);
  if (loosensDefault(content, settings.default)) {
    losses.push('the default would let through what it keeps out now');
  }
  const [loss] = losses;
  if (loss !== undefined && !settings.force) {
    throw new Complaint(
      `${file}: ${loss}`,
      'compare keys and signedIdentity; with --policy-root DIR its key paths start at DIR; --force merges all the same',
    );
  }
  const others = loosenings.filter(({ kind }) => kind !== 'replaced').map(describe);
  if (settings.default !== undefined && standing.scopes.has('')) {
    others.push('the scope "" holds for images from registries, and not --default');
  }
  return { content, warnings: [...losses, ...others].map((sentence) => `${file}: ${sentence}`) };
}

async function readStandingPolicy(
  file: string,
  { scopes }: PolicyText,
  { transports }: PolicyJson,
  root: string,
): Promise<StandingPolicy> {
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

/** Keys that cannot be read can be compared with no others, as what is no key at all. */
async function readRequirement(
  file: string,
  requirement: UnreadRequirement,
  root: string,
): Promise<Requirement> {
  if (requirement.type !== 'signedBy') return requirement;
  try {
    return await readSignedBy(file, requirement, root);
  } catch (error) {
    return { type: 'elsewhere', what: messageOf(error) };
  }
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
      return `the scope ${name} would let through what it keeps out now${why}`;
    case 'taken out':
      return `images of ${name} are no longer held to ${around}, which keeps out more${why}`;
    case 'left':
      return `${around} stays, and lets through images that ${name} keeps out${why}`;
  }
}
