// A node's policy.json as it is on the disk.
import {
  type PolicyFile,
  PolicyFileError,
  findPrivateData,
  parsePolicyFile,
} from '../../generator/policy/policy-json.ts';
import { readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { UsageError } from '../base/usage-error.ts';
import { PRIVATE_KEY_HINT } from './read-keys.ts';

/** Far above any policy, and soon read: what is larger is another file. Bytes. */
const MAX_POLICY_BYTES = 16 * 1024 * 1024;

/** A policy file that nodes take: its text, and what it says. */
export interface PolicyText {
  readonly text: string;
  readonly scopes: PolicyFile;
}

/**
 * Reads a policy file; `flag` is the option that named it.
 * @throws UsageError if it cannot be read, nodes would refuse it, or it holds a private key.
 */
export async function readPolicyText(flag: string, file: string): Promise<PolicyText> {
  const hint = 'name a policy.json that can be read';
  const bytes = await readBounded(file, MAX_POLICY_BYTES).catch((cause: unknown) => {
    const said = messageOf(cause);
    const reason = said.startsWith(`${file}: `) ? said : `cannot read ${file}: ${said}`;
    throw new UsageError(`${flag}: ${reason}`, hint, { cause });
  });
  const policy = parsePolicyText(file, bytes.toString());
  refusePrivateData(file, policy);
  return policy;
}

/**
 * Holds a policy to the rule for all key material: a policy goes on to nodes, also in those parts
 * that are none of ours.
 * @throws UsageError if any key in it is private, or may be.
 */
export function refusePrivateData(file: string, { text }: PolicyText): void {
  const found = findPrivateData(text);
  if (!found) return;
  const got = found.finding === 'private' ? 'a private key' : 'a compressed packet';
  const message = `${file}: ${found.where}: expected public keys, got ${got}`;
  throw new UsageError(message, PRIVATE_KEY_HINT);
}

/**
 * Takes the text of a policy file.
 * @throws UsageError if nodes would refuse it.
 */
export function parsePolicyText(file: string, text: string): PolicyText {
  try {
    return { text, scopes: parsePolicyFile(text) };
  } catch (cause) {
    if (!(cause instanceof PolicyFileError)) throw cause;
    const reason = 'nodes refuse the whole file too: see containers-policy.json(5)';
    throw new UsageError(`${file}: ${cause.message}`, reason, { cause });
  }
}
