// What clusters need to be told of a release area: nodes never ask it, the cluster-version operator and oc-mirror do.
import { type StoreUrl, formatStoreUrl } from './store-url.ts';

/** The most that a cluster takes (openshift/api, config/v1, ClusterVersionSpec). */
const MOST_STORES = 32;

/**
 * Says how clusters are given the release areas that a store serves below these prefixes: by their ClusterVersion
 * where it has the field, else as ConfigMaps.
 */
export function adviseOnReleaseStores(
  prefixes: readonly string[],
  url: StoreUrl,
): readonly string[] {
  if (prefixes.length === 0 || url.base.startsWith('file:')) return [];
  const stores = prefixes.slice(0, MOST_STORES).map((prefix) => ({ url: addressOf(url, prefix) }));
  const patch = JSON.stringify({ spec: { signatureStores: stores } });
  return [
    'MachineConfigs do not tell a cluster where signatures of releases are: most clusters need them as ConfigMaps, which `lookaside release configmap` writes',
    `only clusters with the feature gate SignatureStores (TechPreviewNoUpgrade and DevPreviewNoUpgrade, not the default) ask a store, and then no other one: oc patch clusterversion version --type merge --patch '${patch}'`,
  ];
}

/** With a slash at its end: oc-mirror puts the rest right behind it. */
function addressOf({ base, query }: StoreUrl, prefix: string): string {
  return `${formatStoreUrl({ base, query: '' }, prefix)}/${query}`;
}
