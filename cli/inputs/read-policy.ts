// The policy of a run: from --policy, or from scopes and --keys.
import { join } from 'node:path';
import { type Keyring, readKeyring } from '../../generator/openpgp/openpgp-js.ts';
import {
  type Policy,
  type Requirement,
  type Scope,
  createPolicy,
  createScope,
  createSimplePolicy,
} from '../../generator/policy/policy.ts';
import type { UnreadSignedBy } from '../../generator/policy/policy-json.ts';
import { DEFAULT_IDENTITY } from '../../generator/policy/signed-identity.ts';
import { UsageError } from '../base/usage-error.ts';
import type { Settings } from '../base/options.ts';
import { isPrivateKeyError, readKeyFiles, readKeys } from './read-keys.ts';

/**
 * Reads what is asked of signatures, keys and all. `originOf` says who named the keys of a scope, which
 * is the configuration file unless told.
 * @throws UsageError naming the file that cannot be used.
 */
export async function readPolicy(
  settings: Settings,
  originOf = (name: string): string => nameScopeIn(settings.origins.scopes ?? 'scopes', name),
): Promise<Policy> {
  const { policy, scopes = {}, keys, origins } = settings;
  const keysFrom = origins.keys ?? '--keys';
  const hasScopes = Object.keys(scopes).length > 0;
  if (policy !== undefined) {
    if (keys.length > 0 || hasScopes) {
      const message = '--policy cannot be used with --keys or scopes: it names the keys itself';
      throw new UsageError(message, 'leave out --keys and scopes, or --policy');
    }
    return readPolicyFile(origins.policy ?? '--policy', policy, settings['policy-root']);
  }
  if (!hasScopes) return createSimplePolicy(await readKeys(keys, keysFrom));
  const read = Object.entries(scopes).map(async ([name, scope]) =>
    readScope(name, scope, originOf(name)),
  );
  const all = await Promise.all(read);
  if (scopes[''] || keys.length === 0) return createPolicy(all);
  const { scopes: outside } = await createSimplePolicy(await readKeys(keys, keysFrom));
  return createPolicy([...all, ...outside.values()]);
}

/** A scope by the option that names its keys. */
export function nameScopeIn(option: string, name: string): string {
  return `${option}: ${JSON.stringify(name)}`;
}

type ScopeSettings = NonNullable<Settings['scopes']>[string];

async function readScope(name: string, settings: ScopeSettings, origin: string): Promise<Scope> {
  const { keys, require, signedIdentity = DEFAULT_IDENTITY, prefix } = settings;
  const keyring = await readKeys(keys, origin);
  if (!keyring) throw new UsageError(`${origin}: expected keys, got none`, 'name key files');
  const keyrings = require === 'all' ? await splitKeyring(keyring) : [keyring];
  const requirements = keyrings.map((accepted): Requirement => ({
    type: 'signedBy',
    keyring: accepted,
    signedIdentity,
  }));
  return createScope(name, prefix, requirements);
}

/** A keyring for each key: every one of them must have signed. */
async function splitKeyring({ blocks, notes }: Keyring): Promise<readonly Keyring[]> {
  return Promise.all(
    blocks.map(async (bytes) => ({
      ...(await readKeyring([{ path: 'the scope', bytes }])),
      notes,
    })),
  );
}

async function readPolicyFile(origin: string, file: string, root: string): Promise<Policy> {
  const { readPolicyText } = await import('./read-policy-text.ts');
  const { scopes } = await readPolicyText(origin, file);
  try {
    const read = [...scopes].map(async ([name, unread]) => {
      const requirements = unread.map(async (requirement) =>
        requirement.type === 'signedBy' ? readSignedBy(file, requirement, root) : requirement,
      );
      return createScope(name, undefined, await Promise.all(requirements));
    });
    return await createPolicy(await Promise.all(read));
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    const hint = isPrivateKeyError(cause)
      ? cause.hint
      : 'with --policy-root DIR its key paths start at DIR';
    throw new UsageError(`${file}: ${cause.message}`, hint, { cause });
  }
}

/**
 * Reads the keys of a requirement of a policy file; its key paths start at `root`.
 * @throws UsageError naming the file that cannot be used.
 */
export async function readSignedBy(
  file: string,
  { keyPaths, keyData, signedIdentity }: UnreadSignedBy,
  root: string,
): Promise<Requirement> {
  const keyring =
    keyData === undefined
      ? await readKeyFiles(keyPaths.map((path) => join(root, path)))
      : await readKeyring([{ path: `${file}: keyData`, bytes: keyData }]);
  return { type: 'signedBy', keyring, signedIdentity };
}
