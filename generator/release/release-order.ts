// In which order the signatures of a release are served. The cluster-version operator asks for nine; oc-mirror asks
// for the first alone, and copies the image that it names.

/** The cluster-version operator asks for no more (openshift/library-go, maxSignatureSearch). */
export const MOST_RELEASE_SIGNATURES = 9;

/** Where releases come from: Red Hat's, then OKD's and those of CI. */
const UPSTREAMS: readonly RegExp[] = [
  /^quay\.io\/openshift-release-dev\/ocp-release(?:-nightly)?[:@]/,
  /^(?:quay\.io|registry\.ci\.openshift\.org)\//,
];

/**
 * The signatures in the order in which they are served, at most nine: in front the one whose identity is the pull
 * reference upstream, then others that oc-mirror can parse. Those of one kind stay in their order.
 */
export function orderRelease<T extends { readonly identity: string }>(
  signatures: readonly T[],
): readonly T[] {
  const ranked = signatures.map((signature) => ({ signature, rank: rankOf(signature.identity) }));
  const sorted = ranked.toSorted((one, other) => one.rank - other.rank);
  return sorted.slice(0, MOST_RELEASE_SIGNATURES).map(({ signature }) => signature);
}

function rankOf(identity: string): number {
  const upstream = UPSTREAMS.findIndex((pattern) => pattern.test(identity));
  if (upstream >= 0) return upstream;
  return isMirrorable(identity) ? UPSTREAMS.length : UPSTREAMS.length + 1;
}

/**
 * Whether oc-mirror can copy what an identity names: an image by tag or digest (openshift/oc-mirror,
 * internal/pkg/image, ParseRef).
 */
export function isMirrorable(identity: string): boolean {
  const [transport, ...rest] = identity.split('://');
  const reference = rest.length === 0 ? identity : rest.length === 1 ? (rest[0] ?? '') : '';
  const [whole = '', digest] = reference.split('@');
  if (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest)) return false;
  const isDocker = rest.length === 0 || transport === 'docker';
  const slash = whole.indexOf('/');
  const colon = isDocker ? whole.lastIndexOf(':') : -1;
  const hasTag = colon >= 0 && (slash < 0 || (slash > 0 && colon > slash));
  const name = hasTag ? whole.slice(0, colon) : whole;
  const isTagged = hasTag && colon < whole.length - 1;
  return name !== '' && (!isDocker || isTagged || digest !== undefined);
}
