// What could silently undo a configuration, or surprise who lays it out.
import { findWeakness, nameAlgorithms } from '../../openpgp/algorithms.ts';
import { toKeyState } from '../../openpgp/keys/key-state.ts';
import { readPackets } from '../../openpgp/packets/packets.ts';
import { listKeyWarnings } from '../../policy/key-warnings.ts';
import type { Policy, Scope } from '../../policy/policy.ts';
import { type NodeFilesOptions, signedScopes } from '../node-files.ts';
import { DEFAULT_FILE } from '../registries-d.ts';
import {
  type StoreUrl,
  hasCredentials,
  isOpenToOthers,
  namesRegistry,
  parseStoreUrl,
} from '../store-url.ts';
import {
  type JudgeKeyOptions,
  type KeyFaultCode,
  judgeKey,
  nameKey,
  sayKeyState,
} from './inspect-key-states.ts';
import { hasPassed } from '../../terms/validity.ts';

export type AdviceOptions = NodeFilesOptions & JudgeKeyOptions;

/** Sentences for people, each of one fact and what to do. */
export function adviseOn(policy: Policy, options: AdviceOptions): readonly string[] {
  const scopes = signedScopes(policy);
  const { url, staging } = options;
  const own = scopes.filter(({ store }) => store === undefined);
  // One that signs is given the directory in place of the address.
  const advice = url && staging === undefined ? adviseOnAddress(url, own) : [];
  for (const store of new Set(scopes.flatMap((scope) => scope.store ?? []))) {
    advice.push(...adviseOnOtherStore(store));
  }
  if (scopes.some(({ name }) => name === '') && !options.isRootless) {
    advice.push(
      `registries.d/${DEFAULT_FILE} replaces the distribution's file: make sure that no update brings the old one back`,
    );
  }
  if (options.isRootless) {
    advice.push(
      options.clients === '5.40+'
        ? 'once a home directory has .config/containers/policy.json, that of /etc/containers is not read for that user; the files of registries.d are read together with those of the system, where a file of the same name is hidden and a scope in two files fails every pull'
        : 'once a home directory has .config/containers/registries.d or policy.json, those of /etc/containers are not read for that user',
    );
  }
  for (const path of new Set(scopes.flatMap(keyPathsOf))) {
    advice.push(
      `${path} is not written: a node without that file refuses the images of its scope, so check one of each kind with --check`,
    );
  }
  if (options.clients === 'any') advice.push(...adviseOnOldClients(scopes));
  if (staging !== undefined) {
    advice.push(
      `skopeo copy keeps the signatures in ${staging}, so bring it up to date before you sign; podman push overwrites them, and lookaside sign does not`,
    );
  }
  return [
    ...advice,
    ...listKeyWarnings(policy),
    ...adviseOnKeys(scopes, options),
    ...adviseOnClients(scopes, options),
  ];
}

/** Algorithms that Go's own OpenPGP lacks (x/crypto openpgp/packet/public_key.go, RFC 9580, section 9.1). */
const UNKNOWN_TO_GO: ReadonlySet<number> = new Set([22, 27, 28]);
/** Of a version 4 key, behind version and date. */
const ALGORITHM_AT = 5;

/** Keys whose signatures some clients refuse however good they are, by name. */
function adviseOnClients(
  scopes: readonly Scope[],
  { clients, now }: AdviceOptions,
): readonly string[] {
  const advice = new Set<string>();
  for (const { keyring } of scopes.flatMap(({ signedBy }) => signedBy)) {
    for (const [index, key] of keyring.keys.entries()) {
      const name = `the key ${nameKey(key)}`;
      const [primary] = readPackets(keyring.blocks[index] ?? NOTHING, 0);
      const algorithm = primary?.body[ALGORITHM_AT] ?? 0;
      const { publicKey } = nameAlgorithms(algorithm, 0, undefined);
      const signers = [...(keyring.lives.get(key.fingerprint)?.signers ?? [])];
      if (signers.some(([part, until]) => part !== key.fingerprint && !hasPassed(until, now))) {
        advice.add(
          `${name} has a subkey that signs: podman before 5.7 and skopeo before 1.21 refuse what the subkey signed; for such nodes, sign with a primary key`,
        );
      }
      if (clients === 'any' && UNKNOWN_TO_GO.has(algorithm)) {
        advice.add(
          `${name} is for ${publicKey}, which clients built with containers_image_openpgp do not know; for such nodes, sign with RSA`,
        );
      }
      const [found] = keyring.find(key.fingerprint.slice(-16).toLowerCase());
      const weakness = findWeakness(nameAlgorithms(algorithm, 0, found?.bits));
      if (weakness !== undefined) {
        advice.add(
          `${name} is ${weakness}, which RHEL 9 and clients built with Sequoia refuse; sign with RSA of at least 2048 bits`,
        );
      }
    }
  }
  return [...advice];
}

const NOTHING = new Uint8Array();

function adviseOnAddress(url: StoreUrl, scopes: readonly Scope[]): string[] {
  const advice: string[] = [];
  if (isOpenToOthers(url)) {
    advice.push(
      'nodes read the store over http: anyone on the network path can withhold signatures; use https',
    );
  }
  if (hasCredentials(url) || url.query !== '') {
    advice.push(
      'the address of the store has a password or a query in it, and all users of a node can read registries.d',
    );
  }
  for (const { name } of scopes) {
    if (!namesRegistry(url, name)) continue;
    advice.push(`the store has the address of the registry ${name}: check that this is intended`);
  }
  return advice;
}

function keyPathsOf({ signedBy }: Scope): readonly string[] {
  return signedBy.flatMap(({ keyPaths = [] }) => keyPaths);
}

/** The host may be that of the registry: vendors have both on one. */
function adviseOnOtherStore(store: string): readonly string[] {
  return adviseOnAddress(parseStoreUrl(store), []).map((sentence) => `${store}: ${sentence}`);
}

/** What is younger than the store's own `sigstore` key, which the oldest clients know. */
function adviseOnOldClients(scopes: readonly Scope[]): readonly string[] {
  const rules = scopes.flatMap(({ signedBy }) => signedBy.map((one) => one.signedIdentity.type));
  const advice: string[] = [];
  if (rules.includes('remapIdentity')) {
    advice.push(
      'clients before containers/image 5.9, such as those of RHEL 7, refuse a policy with remapIdentity: for such nodes, write files from a configuration whose scopes of mirrors have none, and pull by the name that was signed',
    );
  }
  if (scopes.some(({ name }) => name.startsWith('*.'))) {
    advice.push('clients before containers/image 5.10 do not know *.DOMAIN scopes');
  }
  return advice;
}

const KEY_CURES: Readonly<Record<KeyFaultCode, string>> = {
  'key-revoked': 'sign with another key',
  'key-cannot-sign': 'give it a subkey that can sign',
  'key-expired': 'extend it',
  'key-expires-soon': 'extend it',
};

function adviseOnKeys(scopes: readonly Scope[], options: JudgeKeyOptions): readonly string[] {
  const keyrings = scopes.flatMap(({ signedBy }) => signedBy.map(({ keyring }) => keyring));
  const advice = keyrings.flatMap(({ keys, lives }) =>
    keys.flatMap((key) => {
      const state = toKeyState(key, lives.get(key.fingerprint), options.now);
      const fault = judgeKey(state, options);
      if (!fault) return [];
      const what = `the key ${nameKey(key)} ${sayKeyState(state)}`;
      return `${what}; nodes then refuse everything that it signed: ${KEY_CURES[fault]}, and install the files again`;
    }),
  );
  return [...new Set(advice)];
}

/** Sentences for people, each of one fact and what to do. */
export function adviseOnLayout(
  scopes: readonly Scope[],
  { existing, byDefault, staging }: NodeFilesOptions,
): readonly string[] {
  const coversAll = scopes.some(({ name }) => name === '');
  const advice = [
    `nodes fail every pull if another file in registries.d also has ${coversAll ? 'default-docker or ' : ''}one of these scopes, for example a distribution's or one with another --name: remove the scope there; clients from containers/image 5.40 on also read those of /usr/share/containers and of users`,
  ];
  if (existing === undefined) {
    advice.push(
      'the policy.json of nodes is replaced as a whole: --merge FILE keeps what it says about other images',
    );
  }
  if (byDefault !== undefined && coversAll) {
    advice.push(
      'keys without a scope apply to all other images from registries: --default only applies to images from elsewhere',
    );
  }
  if (byDefault === 'reject') advice.push(adviseOnReject(staging !== undefined));
  return [...advice, ...scopes.flatMap(({ name }) => adviseOnDockerHub(name))];
}

function adviseOnReject(isForSigning: boolean): string {
  return isForSigning
    ? 'with --default reject, a machine that signs cannot copy from dir:, oci:, docker-archive: or containers-storage:, so skopeo copy --sign-by fails: use --merge with a policy that accepts these transports'
    : '--default reject also refuses images from dir:, oci:, docker-archive: and containers-storage:, for example in podman load: use --merge with a policy that accepts the transports you need';
}

/** One word behind the host is a user, though people write images so. */
function adviseOnDockerHub(scope: string): readonly string[] {
  const [, name] = /^docker\.io\/([^/:@]+)$/.exec(scope) ?? [];
  if (name === undefined || name === 'library') return [];
  return [
    `${scope} covers images of the user ${name}; the official image is docker.io/library/${name}`,
  ];
}
