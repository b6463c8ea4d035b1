// The policy.json that nodes have now, into which --merge puts our scopes.
import { readFile } from 'node:fs/promises';
import { signedScopes } from '../generator/node-config/node-files.ts';
import type { DefaultRequirement, PolicyJson } from '../generator/node-config/policy-file.ts';
import { messageOf } from '../generator/message-of.ts';
import type { Policy, Requirement } from '../generator/policy/policy.ts';
import {
  PolicyFileError,
  type UnreadRequirement,
  parsePolicyFile,
} from '../generator/policy/policy-json.ts';
import { isAsStrictAs } from '../generator/policy/strictness.ts';
import { Complaint } from './complaint.ts';
import type { Settings } from './options.ts';
import { readSignedBy } from './read-policy.ts';

/**
 * Reads a policy.
 * @throws Complaint if nodes would refuse the file, or if one of our scopes, or what holds for
 * all others, would let through what the file keeps out, unless `--force` is given.
 */
export async function readExistingPolicy(
  file: string,
  policy: Policy,
  settings: Settings,
): Promise<PolicyJson> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Complaint(`--merge: cannot read ${file}: ${messageOf(cause)}`, undefined, { cause });
  });
  const scopes = parse(file, text);
  const existing = JSON.parse(text) as PolicyJson;
  if (settings.force) return existing;
  const docker = existing.transports?.['docker'] ?? {};
  for (const { name, requirements } of signedScopes(policy)) {
    const before = Object.hasOwn(docker, name) ? scopes.get(name) : undefined;
    if (!before) continue;
    const read = await Promise.all(
      before.map(async (one) => readRequirement(file, one, settings['policy-root'])),
    );
    if (!isAsStrictAs(requirements, read))
      throw weakened(file, `the scope ${JSON.stringify(name)}`);
  }
  if (loosensDefault(existing, settings.default)) throw weakened(file, 'the default');
  return existing;
}

function parse(file: string, text: string) {
  try {
    return parsePolicyFile(text);
  } catch (cause) {
    if (!(cause instanceof PolicyFileError)) throw cause;
    const hint = 'nodes refuse the whole file too: see containers-policy.json(5)';
    throw new Complaint(`${file}: ${cause.message}`, hint, { cause });
  }
}

/** Keys that cannot be read may be fewer than ours: the worst is taken for true. */
async function readRequirement(
  file: string,
  requirement: UnreadRequirement,
  root: string,
): Promise<Requirement> {
  if (requirement.type !== 'signedBy') return requirement;
  try {
    return await readSignedBy(file, requirement, root);
  } catch (error) {
    return { type: 'unmeetable', what: messageOf(error) };
  }
}

function loosensDefault(existing: PolicyJson, byDefault: DefaultRequirement | undefined): boolean {
  if (byDefault !== 'insecureAcceptAnything') return false;
  return existing.default.some(({ type }) => type !== 'insecureAcceptAnything');
}

function weakened(file: string, what: string): Complaint {
  return new Complaint(
    `${file}: ${what} would let through what it keeps out now`,
    'compare keys and signedIdentity; with --policy-root DIR its key paths start at DIR; --force merges all the same',
  );
}
