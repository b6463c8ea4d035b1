// What nodes should have, from the same description that the gate judges by.
import { SharedKeyFileError } from '../../generator/nodes/key-files.ts';
import {
  type NodeFilesOptions,
  createNodeFiles,
  signedScopes,
} from '../../generator/nodes/node-files.ts';
import type { PolicyJson } from '../../generator/nodes/policy-file.ts';
import type { StoreUrl } from '../../generator/nodes/store-url.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import { UsageError } from '../base/usage-error.ts';
import type { Settings } from '../base/options.ts';
import { nameScopeIn, readWholePolicy } from '../inputs/read-policy.ts';
import { STORE_URL_HINT, readStoreUrl } from '../inputs/read-store-url.ts';

/**
 * The scopes of the configuration file and of flags, with their keys.
 * @throws UsageError if there are none.
 */
export async function readNodePolicy(settings: Settings): Promise<Policy> {
  if (settings.policy !== undefined) {
    const message = 'node-config writes a policy from keys and scopes, not from --policy';
    throw new UsageError(message, 'give --scope, --keys or scopes; --merge FILE keeps a policy');
  }
  const scopes: NonNullable<Settings['scopes']> = { ...settings.scopes };
  for (const { name, path } of settings.scope) {
    if (settings.scopes && Object.hasOwn(settings.scopes, name)) {
      const message = `--scope: ${JSON.stringify(name)} is in the configuration file too`;
      throw new UsageError(message, 'name its keys in only one of them');
    }
    scopes[name] = { require: 'any', keys: [...(scopes[name]?.keys ?? []), path] };
  }
  const flagged = new Set(settings.scope.map(({ name }) => name));
  const { scope: flag = '--scope', scopes: file = 'scopes' } = settings.origins;
  const policy = await readWholePolicy({ ...settings, scopes }, (name) =>
    nameScopeIn(flagged.has(name) ? flag : file, name),
  );
  if (signedScopes(policy).length > 0) return policy;
  throw new UsageError('expected keys, got none', 'give --scope quay.io/team=team.asc, or --keys');
}

/**
 * What the files of nodes are made from; `existing` is a policy to merge into.
 * @throws UsageError for an address that nodes could not use.
 */
export function toNodeFilesOptions(
  settings: Settings,
  policy: Policy,
  existing: PolicyJson | undefined,
): NodeFilesOptions {
  const { name, clients, staging, rootless: isRootless, default: byDefault } = settings;
  return {
    name,
    clients,
    staging,
    isRootless,
    byDefault,
    existing,
    url: readUrl(settings.url, policy),
    keyForm: isRootless ? readRootlessForm(settings) : settings['keys-as'],
  };
}

/** Nobody knows here where a home directory lies, so no key file could be named. */
function readRootlessForm({ 'keys-as': form }: Settings): 'data' {
  if (form !== 'no-reboot') return 'data';
  const message = '--keys-as no-reboot cannot be used with --rootless';
  throw new UsageError(message, 'leave out one of them');
}

function readUrl(text: string | undefined, policy: Policy): StoreUrl | undefined {
  if (text !== undefined) return readStoreUrl(text);
  if (signedScopes(policy).every(({ store }) => store !== undefined)) return undefined;
  throw new UsageError('node-config needs the address of the store', STORE_URL_HINT);
}

/**
 * The files of nodes.
 * @throws UsageError if one key file shall do for scopes with different keys.
 */
export function createFiles(...args: Parameters<typeof createNodeFiles>) {
  try {
    return createNodeFiles(...args);
  } catch (cause) {
    if (!(cause instanceof SharedKeyFileError)) throw cause;
    const hint = 'use --keys-as data: the policy is taken without a reboot too';
    throw new UsageError(`--keys-as no-reboot: ${messageOf(cause)}`, hint, { cause });
  }
}
