// `lookaside node-config`: what nodes need to use the store, from the same description that the
// gate judges by.
import { adviseOn } from '../generator/node-config/advice.ts';
import { SharedKeyFileError } from '../generator/node-config/key-files.ts';
import { createNodeFiles, signedScopes } from '../generator/node-config/node-files.ts';
import type { StoreUrl } from '../generator/node-config/store-url.ts';
import { messageOf } from '../generator/message-of.ts';
import type { Policy } from '../generator/policy/policy.ts';
import { Complaint } from './complaint.ts';
import type { Settings } from './options.ts';
import { type ExistingPolicy, readExistingPolicy } from './read-existing-policy.ts';
import { readPolicy } from './read-policy.ts';
import { STORE_URL_HINT, readStoreUrl } from './read-store-url.ts';
import type { World } from './world.ts';
import { writeFiles } from './write-files.ts';
import { checkTarget, writeTarget } from './write-target.ts';

/** Settles with the exit code. */
export async function nodeConfig(settings: Settings, world: World): Promise<number> {
  const { out } = settings;
  if (out === undefined) {
    throw new Complaint('node-config needs a place to write to', 'give --out DIR, or --out -');
  }
  checkTarget(settings);
  const policy = await readNodePolicy(settings);
  const existing = await readExisting(settings, policy);
  const options = { ...readOptions(settings), existing: existing?.content };
  const madeFrom = { scopes: signedScopes(policy), url: options.url };
  const target = writeTarget(createFiles(policy, options), settings, madeFrom);
  const now = new Date();
  const advice = adviseOn(policy, { ...options, now, expiryWarning: settings['expiry-warning'] });
  const warnings = [...(existing?.warnings ?? []), ...advice, ...target.advice];
  for (const sentence of warnings) world.stderr.write(`lookaside: warning: ${sentence}\n`);
  await writeFiles(target.files, out, target.isConcatenable, world);
  return 0;
}

/** The scopes of the configuration file and of flags, with their keys. */
async function readNodePolicy(settings: Settings): Promise<Policy> {
  if (settings.policy !== undefined) {
    const message = 'node-config writes a policy from keys and scopes, not from --policy';
    throw new Complaint(message, 'give --scope, --keys or scopes; --merge FILE keeps a policy');
  }
  const scopes: NonNullable<Settings['scopes']> = { ...settings.scopes };
  for (const { name, path } of settings.scope) {
    if (settings.scopes && Object.hasOwn(settings.scopes, name)) {
      const message = `--scope: ${JSON.stringify(name)} is in the configuration file too`;
      throw new Complaint(message, 'name its keys in one of them');
    }
    scopes[name] = { require: 'any', keys: [...(scopes[name]?.keys ?? []), path] };
  }
  const policy = await readPolicy({ ...settings, scopes });
  if (signedScopes(policy).length > 0) return policy;
  throw new Complaint('expected keys, got none', 'give --scope quay.io/team=team.asc, or --keys');
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

function readOptions(settings: Settings) {
  const { name, clients, staging, rootless: isRootless, default: byDefault } = settings;
  return {
    name,
    clients,
    staging,
    isRootless,
    byDefault,
    url: readUrl(settings.url),
    keyForm: isRootless ? ('data' as const) : settings['keys-as'],
  };
}

function readUrl(text: string | undefined): StoreUrl {
  if (text !== undefined) return readStoreUrl(text);
  throw new Complaint('node-config needs the address of the store', STORE_URL_HINT);
}

function createFiles(...args: Parameters<typeof createNodeFiles>) {
  try {
    return createNodeFiles(...args);
  } catch (cause) {
    if (!(cause instanceof SharedKeyFileError)) throw cause;
    const hint = 'use --keys-as data: the policy is taken without a reboot too';
    throw new Complaint(`--keys-as no-reboot: ${messageOf(cause)}`, hint, { cause });
  }
}
