// Signatures of releases as ConfigMaps, the way in which a cluster is given them where its store cannot be reached.
// The same signatures give the same bytes.
import { Document } from 'yaml';
import { formatBytes } from '../../terms/text.ts';
import { MOST_RELEASE_SIGNATURES } from '../release-order.ts';

/** The signatures of one release image, in the order in which they are served. */
export interface ReleaseSignatures {
  readonly digestHex: string;
  readonly signatures: readonly Uint8Array[];
}

/** A ConfigMap as a file. */
export interface ConfigMapFile {
  readonly name: string;
  readonly yaml: string;
  /** How many signatures it holds. */
  readonly count: number;
}

/** Where the cluster-version operator looks (openshift/library-go, pkg/verify/store/configmap). */
export const CONFIGMAP_NAMESPACE = 'openshift-config-managed';
export const CONFIGMAP_LABEL = 'release.openshift.io/verification-signatures';
/** That of the cluster-version operator's own, which it overwrites. */
export const OWN_CONFIGMAP = 'signatures-managed';
/** More fit into one only with `oc apply --server-side`. */
export const MOST_IN_CONFIGMAP = 200;
/** What all values of a ConfigMap may have together. Bytes. */
export const MAX_CONFIGMAP_BYTES = 1024 * 1024;
/** `oc apply` keeps the object in an annotation, and all annotations may have so much. Bytes. */
export const MAX_ANNOTATION_BYTES = 256 * 1024;
/** The name of that annotation, and what it has beside the object. Bytes. */
const ANNOTATION_OVERHEAD = 512;
const NAME = 'lookaside-release-signatures';

/** Signatures that fit in no ConfigMap that `oc apply` takes. */
export class ConfigMapSizeError extends Error {
  override readonly name = 'ConfigMapSizeError';
}

/**
 * Writes signatures, at most `perFile` in each ConfigMap, and no more than `oc apply` takes. Those of one release
 * stay together.
 * @throws ConfigMapSizeError naming a release whose signatures are too large.
 */
export function formatConfigMaps(
  releases: readonly ReleaseSignatures[],
  perFile = MOST_IN_CONFIGMAP,
): readonly ConfigMapFile[] {
  const sorted = releases
    .filter(({ signatures }) => signatures.length > 0)
    .toSorted((one, other) => (one.digestHex < other.digestHex ? -1 : 1));
  const groups: Entries[] = [];
  for (const release of sorted) {
    const entries = entriesOf(release);
    const size = appliedSize(entries);
    if (size > MAX_ANNOTATION_BYTES || entries.length > perFile) throw tooLarge(release, perFile);
    const last = groups.at(-1);
    const joined = [...(last ?? []), ...entries];
    const fits = joined.length <= perFile && appliedSize(joined) <= MAX_ANNOTATION_BYTES;
    if (last && fits) last.push(...entries);
    else groups.push(entries);
  }
  return groups.map((entries, index) => formatConfigMap(entries, nameOf(index, groups.length)));
}

/** Keys and values, in their order. */
type Entries = (readonly [key: string, base64: string])[];

function entriesOf({ digestHex, signatures }: ReleaseSignatures): Entries {
  return signatures
    .slice(0, MOST_RELEASE_SIGNATURES)
    .map((bytes, index) => [
      `sha256-${digestHex}-${index + 1}`,
      Buffer.from(bytes).toString('base64'),
    ]);
}

/** One alone needs no number. */
function nameOf(index: number, count: number): string {
  return count === 1 ? NAME : `${NAME}-${index + 1}`;
}

function toObject(entries: Entries, name: string) {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace: CONFIGMAP_NAMESPACE,
      labels: { [CONFIGMAP_LABEL]: '' },
    },
    binaryData: Object.fromEntries(entries),
  };
}

/** What `oc apply` puts into the annotation. Bytes. */
function appliedSize(entries: Entries): number {
  return entries.reduce(
    (sum, [key, value]) => sum + key.length + value.length + PUNCTUATION,
    EMPTY,
  );
}

/** Of one entry in JSON: four quotes, a colon and a comma. */
const PUNCTUATION = 6;
const EMPTY = JSON.stringify(toObject([], nameOf(0, 2))).length + ANNOTATION_OVERHEAD;

function formatConfigMap(entries: Entries, name: string): ConfigMapFile {
  const document = new Document(toObject(entries, name), { version: '1.1' });
  const yaml = `---\n${document.toString({ lineWidth: 0, singleQuote: false })}`;
  return { name, yaml, count: entries.length };
}

function tooLarge({ digestHex, signatures }: ReleaseSignatures, perFile: number): Error {
  const bytes = signatures.reduce((sum, { length }) => sum + length, 0);
  return new ConfigMapSizeError(
    `the ${signatures.length} signatures of sha256:${digestHex} have ${formatBytes(bytes)}: expected at most ${perFile} that \`oc apply\` takes in one ConfigMap`,
  );
}
