// The policy of a run: from --policy, or from scopes and --keys. A key file that cannot be used costs the
// scope that names it, and no other.
import { join } from 'node:path';
import type { KeyFile } from '../../generator/openpgp/keys/key-file.ts';
import type { Keyring } from '../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../generator/openpgp/read-keyring.ts';
import { lacksKeys, listKeyFaults } from '../../generator/policy/key-faults.ts';
import {
  type Policy,
  type Requirement,
  type Scope,
  type SignedBy,
  createPolicy,
  createScope,
  createSimplePolicy,
} from '../../generator/policy/policy.ts';
import type { PolicyFile, UnreadSignedBy } from '../../generator/policy/policy-json.ts';
import { DEFAULT_IDENTITY } from '../../generator/policy/signed-identity.ts';
import { type ReleaseArea, createReleaseArea } from '../../generator/release/release-area.ts';
import type { ReleaseKeyring } from '../../generator/release/release-keyring.ts';
import { toLine } from '../../generator/terms/text.ts';
import { UsageError } from '../base/usage-error.ts';
import { type Settings, variableOf } from '../base/options.ts';
import type { NoteFile } from './noted-files.ts';
import {
  type FoundFault,
  type KeyCopies,
  type NamedKeys,
  type UsableKeys,
  hasOwnCure,
  isMissingFile,
  readReleaseKeys,
  readUsableData,
  readUsableKeys,
} from './read-keys.ts';

/** The key files that were good last, by the scope that named them and their full paths. */
export interface KeyMemory {
  /** Whether no policy was in force before, neither in this run nor in an earlier one. */
  readonly isNew: () => boolean;
  readonly recall: (scope: string) => readonly KeyFile[];
  readonly note: (scope: string, copies: KeyCopies) => void;
}

/** Knows nothing, and keeps nothing. */
const NO_MEMORY: KeyMemory = { isNew: () => true, recall: () => [], note: () => undefined };

interface ReadPolicyOptions {
  /** Says who named the keys of a scope, which is the configuration file unless told. */
  readonly originOf?: (scope: string) => string;
  readonly memory?: KeyMemory;
  /** Called with each file, and directory of keys, just before it is read. */
  readonly note?: NoteFile;
  /** Gives the scopes of the policy file, by reading it or where that fails as they were before. */
  readonly scopesOf?: (read: () => Promise<PolicyFile>) => Promise<PolicyFile>;
  /** Tells what is wrong with a file in other words, for files that lie somewhere else than they seem to. */
  readonly tell?: (error: UsageError) => UsageError;
  readonly isKeyByKey?: boolean;
}

/**
 * Reads what is asked of signatures, with the keys that can be used; `listKeyFaults` tells of the others.
 * @throws UsageError naming what is wrong: with the policy itself, with a file of --keys that is not
 * there, or with the first of them where --keys is all that was given and none can be used. Where a policy
 * was in force before, what cannot be judged now is not.
 */
export async function readPolicy(
  settings: Settings,
  { originOf, ...options }: ReadPolicyOptions = {},
): Promise<Policy> {
  return new PolicyReader(options).read(settings, originOf);
}

/**
 * As `readPolicy`, for those who hand keys on, which are read one by one.
 * @throws UsageError for any key file, and any key, that cannot be used.
 */
export async function readWholePolicy(
  settings: Settings,
  originOf?: ReadPolicyOptions['originOf'],
): Promise<Policy> {
  const reader = new PolicyReader({ isKeyByKey: true });
  const policy = await reader.read(settings, originOf);
  if (reader.firstFault) throw reader.firstFault;
  return policy;
}

/** A scope by the option that names its keys. */
export function nameScopeIn(option: string, name: string): string {
  return `${option}: ${JSON.stringify(name)}`;
}

/** Says on standard error which key files cannot be used, and what that means for their scope. */
export function warnOfKeyFaults(policy: Policy, stderr: NodeJS.WritableStream): void {
  for (const { message, hint } of listKeyFaults(policy)) {
    stderr.write(`lookaside: warning: ${toLine(message)}\nhint: ${toLine(hint)}\n`);
  }
}

type ScopeSettings = NonNullable<Settings['scopes']>[string];

function asItIs(error: UsageError): UsageError {
  return error;
}

/** Reads one policy. */
class PolicyReader {
  readonly #memory: KeyMemory;
  readonly #note: NoteFile;
  readonly #scopesOf: NonNullable<ReadPolicyOptions['scopesOf']>;
  readonly #tell: (error: UsageError) => UsageError;
  readonly #isKeyByKey: boolean;
  #firstFault: UsageError | undefined;

  constructor({
    memory = NO_MEMORY,
    note = async () => undefined,
    scopesOf = async (read) => read(),
    tell = asItIs,
    isKeyByKey = false,
  }: Omit<ReadPolicyOptions, 'originOf'>) {
    this.#memory = memory;
    this.#note = note;
    this.#scopesOf = scopesOf;
    this.#isKeyByKey = isKeyByKey;
    this.#tell = tell;
  }

  /** What is wrong with the keys, if anything is. */
  get firstFault(): UsageError | undefined {
    return this.#firstFault;
  }

  async read(
    settings: Settings,
    originOf = (name: string): string => nameScopeIn(settings.origins.scopes ?? 'scopes', name),
  ): Promise<Policy> {
    const { policy, scopes = {}, keys, origins } = settings;
    const hasScopes = Object.keys(scopes).length > 0;
    const releases = await this.#readReleases(settings);
    if (policy !== undefined) {
      if (keys.length > 0 || hasScopes) {
        const message = '--policy cannot be used with --keys or scopes: it names the keys itself';
        throw new UsageError(message, 'leave out --keys and scopes, or --policy');
      }
      const scopesOfFile = await this.#readFile(policy, settings);
      return createPolicy(scopesOfFile, releases);
    }
    if (!hasScopes && keys.length === 0) return createSimplePolicy(undefined, releases);
    const all: Scope[] = [];
    for (const [name, scope] of Object.entries(scopes)) {
      all.push(await this.#readScope(name, scope, originOf(name)));
    }
    if (keys.length === 0 || scopes['']) return createPolicy(all, releases);
    const named = { paths: keys, origin: origins.keys ?? '--keys' };
    return createPolicy([...all, await this.#readOutside(named, !hasScopes)], releases);
  }

  /** Release areas have keys of their own, which the cluster-version operator reads in its own way. */
  async #readReleases({ releases = [], origins }: Settings): Promise<readonly ReleaseArea[]> {
    const areas: ReleaseArea[] = [];
    for (const [at, { prefix, from, keys: paths }] of releases.entries()) {
      for (const path of paths) await this.#note(path);
      const origin = `${origins.releases ?? 'releases'}: ${at}: keys`;
      areas.push(createReleaseArea(prefix, from, await this.#readReleaseKeys(paths, origin)));
    }
    return areas;
  }

  async #readReleaseKeys(
    paths: readonly string[],
    origin: string,
  ): Promise<readonly ReleaseKeyring[]> {
    try {
      return await readReleaseKeys(paths, origin);
    } catch (error) {
      throw error instanceof UsageError ? this.#tell(error) : error;
    }
  }

  /** What --keys says of all that no scope covers, or of all images. */
  async #readOutside(
    { paths, origin }: Required<Pick<NamedKeys, 'paths' | 'origin'>>,
    isAlone: boolean,
  ): Promise<Scope> {
    const read = await this.#readKeys('', { paths, origin });
    const requirement = toSignedBy(read, DEFAULT_IDENTITY);
    const lost = read.faults.filter(({ isKept }) => !isKept);
    const isUseless = isAlone && lacksKeys(requirement);
    const [fault] = isUseless ? lost : lost.filter(({ error }) => isMissingFile(error));
    const isGiven = origin === '--keys' || origin === variableOf('keys');
    if (fault && isGiven && this.#memory.isNew()) throw fault.error;
    return { ...createScope('', undefined, [requirement]), origin };
  }

  async #readScope(name: string, settings: ScopeSettings, origin: string): Promise<Scope> {
    const { keys: paths, release, require, signedIdentity = DEFAULT_IDENTITY, prefix } = settings;
    if (release === true) {
      return createScope(name, prefix, [{ type: 'insecureAcceptAnything', isOfRelease: true }]);
    }
    if (paths.length === 0) {
      throw new UsageError(`${origin}: expected keys, got none`, 'name key files');
    }
    const read = await this.#readKeys(name, { paths, origin });
    const requirements =
      require === 'all'
        ? await splitKeys(read, signedIdentity)
        : [toSignedBy(read, signedIdentity)];
    return createScope(name, prefix, requirements);
  }

  async #readFile(
    file: string,
    { origins, 'policy-root': root }: Settings,
  ): Promise<readonly Scope[]> {
    const { readPolicyText } = await import('./read-policy-text.ts');
    const origin = origins.policy ?? '--policy';
    await this.#note(file);
    const scopes = await this.#scopesOf(async () => (await readPolicyText(origin, file)).scopes);
    const all: Scope[] = [];
    for (const [name, unread] of scopes) {
      const requirements: Requirement[] = [];
      for (const requirement of unread) {
        requirements.push(
          requirement.type === 'signedBy'
            ? await this.#readSignedBy(file, requirement, root, name)
            : requirement,
        );
      }
      all.push(createScope(name, undefined, requirements));
    }
    return all;
  }

  async #readSignedBy(
    file: string,
    requirement: UnreadSignedBy,
    root: string,
    scope: string,
  ): Promise<SignedBy> {
    for (const path of requirement.keyPaths) await this.#note(join(root, path));
    const read = await readKeysOf(file, requirement, root, this.#memory.recall(scope));
    const told = this.#take(scope, read, (error) => inPolicy(file, error));
    return toSignedBy(told, requirement.signedIdentity);
  }

  async #readKeys(scope: string, named: NamedKeys): Promise<UsableKeys> {
    const lastGood = this.#memory.recall(scope);
    for (const path of named.paths) await this.#note(path);
    const read = await readUsableKeys({ ...named, lastGood, isKeyByKey: this.#isKeyByKey });
    return this.#take(scope, read, this.#tell);
  }

  #take(scope: string, read: UsableKeys, tell: (error: UsageError) => UsageError): UsableKeys {
    this.#memory.note(scope, read.copies);
    const faults = read.faults.map((fault) => ({ ...fault, error: tell(fault.error) }));
    this.#firstFault ??= faults[0]?.error;
    return { ...read, faults };
  }
}

function toSignedBy(
  { keyring, faults }: UsableKeys,
  signedIdentity: SignedBy['signedIdentity'],
): SignedBy {
  const keyFaults = faults.map(({ error: { message, hint = '' }, ...kept }) => ({
    message,
    hint,
    ...kept,
  }));
  return {
    type: 'signedBy',
    keyring,
    signedIdentity,
    ...(keyFaults.length > 0 && { keyFaults }),
  };
}

/**
 * A requirement for each key: every one of them must have signed. What cannot be used stands for a key
 * too, or fewer would do.
 */
async function splitKeys(
  read: UsableKeys,
  signedIdentity: SignedBy['signedIdentity'],
): Promise<readonly SignedBy[]> {
  const nothing = await readKeyring([]);
  const keyrings = await splitKeyring(read.keyring);
  const isKept = (fault: FoundFault): boolean => fault.isKept && keyrings.length > 0;
  const lost = read.faults.filter((fault) => !isKept(fault));
  const kept = read.faults.filter(isKept);
  return [
    ...keyrings.map((keyring, index) =>
      toSignedBy({ ...read, keyring, faults: index === 0 ? kept : [] }, signedIdentity),
    ),
    ...lost.map((fault) =>
      toSignedBy({ ...read, keyring: nothing, faults: [fault] }, signedIdentity),
    ),
  ];
}

/** A keyring for each key: every one of them must have signed. */
async function splitKeyring({ blocks, notes, lost }: Keyring): Promise<readonly Keyring[]> {
  return Promise.all(
    blocks.map(async (bytes) => ({
      ...(await readKeyring([{ path: 'the scope', bytes }])),
      notes,
      lost,
    })),
  );
}

/** What is wrong with keys that a policy file names, told as that of the file. */
function inPolicy(file: string, cause: UsageError): UsageError {
  const hint = hasOwnCure(cause)
    ? cause.hint
    : 'put public keys there; with --policy-root DIR its key paths start at DIR';
  const isNamed = cause.message.startsWith(`${file}: `);
  const message = isNamed ? cause.message : `${file}: ${cause.message}`;
  return new UsageError(message, hint, { cause: cause.cause });
}

/**
 * Reads the keys of a requirement of a policy file; its key paths start at `root`.
 * @throws UsageError naming the file that cannot be used.
 */
export async function readSignedBy(
  file: string,
  requirement: UnreadSignedBy,
  root: string,
): Promise<Requirement> {
  const read = await readKeysOf(file, requirement, root);
  if (read.faults[0]) throw read.faults[0].error;
  return toSignedBy(read, requirement.signedIdentity);
}

async function readKeysOf(
  file: string,
  { keyPaths, keyData }: UnreadSignedBy,
  root: string,
  lastGood?: readonly KeyFile[],
): Promise<UsableKeys> {
  if (keyData !== undefined) {
    return readUsableData({ path: `${file}: keyData`, bytes: keyData });
  }
  const paths = keyPaths.map((path) => join(root, path));
  return readUsableKeys({ paths, isForNode: true, ...(lastGood && { lastGood }) });
}
