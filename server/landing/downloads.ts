// The files that nodes need, as the server hands them out below `/nodes/`.
import type { StoreUrl } from '../../generator/nodes/store-url.ts';
import type { Keyring } from '../../generator/openpgp/keyring.ts';
import { armorKeys } from '../../generator/openpgp/openpgp-js.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { GuideFile, NodeGuide } from './node-guide.ts';

/** A file below the address of the store. */
export interface Download {
  /** Relative to that address, with nothing to be escaped: `nodes/policy.json`. */
  readonly path: string;
  /** Where a node needs it, absolute; undefined for a file that is there to be looked at. */
  readonly installedAt: string | undefined;
  readonly contentType: string;
  readonly bytesFor: (url: StoreUrl) => Uint8Array;
}

/** What there is to fetch: the files for nodes, and each key alone. */
export function createDownloads(policy: Policy, guide: NodeGuide): readonly Download[] {
  // A policy that asks for more than these files say must not be replaced by less.
  const files = guide.files.filter(({ path }) => guide.isWhole || path !== POLICY_FILE);
  const hasOwnRegistries = files.some(({ path }) => path === OWN_REGISTRIES);
  return [...files.map((file) => toDownload(file, hasOwnRegistries)), ...toKeys(policy, guide)];
}

/** The same for some scopes only, whose files lie below a path of their own; only what a node installs. */
export function createWay(files: readonly GuideFile[], directory: string): readonly Download[] {
  return files.map((file) => {
    const download = toDownload(file, false);
    const isKey = download.contentType === OPENPGP_KEYS;
    return isKey ? download : { ...download, path: download.path.replace('nodes/', directory) };
  });
}

/** Where one key can be fetched, by its fingerprint. */
export function keyPathOf(fingerprint: string): string {
  return `nodes/keys/${fingerprint}.asc`;
}

const POLICY_FILE = 'etc/containers/policy.json';
const REGISTRIES = 'etc/containers/registries.d/';
const OWN_REGISTRIES = `${REGISTRIES}lookaside.yaml`;
const DEFAULT_REGISTRIES = `${REGISTRIES}default.yaml`;

const OPENPGP_KEYS = 'application/pgp-keys';

function toDownload({ path, bytesFor }: GuideFile, hasOwnRegistries: boolean): Download {
  const installedAt = `/${path}`;
  if (path === POLICY_FILE) {
    return { path: 'nodes/policy.json', installedAt, contentType: 'application/json', bytesFor };
  }
  if (path.startsWith(REGISTRIES)) {
    const file = path.slice(REGISTRIES.length);
    const isFirst = path === OWN_REGISTRIES || (path === DEFAULT_REGISTRIES && !hasOwnRegistries);
    const name = isFirst ? 'registries.d.yaml' : `registries.d-${file}`;
    return { path: `nodes/${name}`, installedAt, contentType: 'application/yaml', bytesFor };
  }
  const name = path.slice(path.lastIndexOf('/') + 1);
  return { path: `nodes/keys/${name}`, installedAt, contentType: OPENPGP_KEYS, bytesFor };
}

/** The newest copy of each key of the scopes: those of other stores are not among our own. */
function toKeys({ keyring }: Policy, { scopes }: NodeGuide): readonly Download[] {
  const keyrings = scopes.flatMap(({ scope }) => scope.signedBy.map((one) => one.keyring));
  const shown = new Map(keyrings.flatMap(listBlocks));
  const own = keyring ? listBlocks(keyring).filter(([fingerprint]) => shown.has(fingerprint)) : [];
  return [...new Map([...own, ...shown, ...own])].map(([fingerprint, block]) => {
    const bytes = Buffer.from(armorKeys(block));
    const path = keyPathOf(fingerprint);
    return { path, installedAt: undefined, contentType: OPENPGP_KEYS, bytesFor: () => bytes };
  });
}

/** The packets of each key, by its fingerprint. */
function listBlocks({ keys, blocks }: Keyring): readonly (readonly [string, Uint8Array])[] {
  return keys.flatMap(({ fingerprint }, index) => {
    const block = blocks[index];
    return block ? [[fingerprint, block] as const] : [];
  });
}
