// What a cluster makes of ConfigMaps with signatures of releases: which of them the cluster-version operator finds,
// under which digests, and what other programs choke on.
import { z } from 'zod';
import { messageOf } from '../../terms/errors.ts';
import { parseYaml } from '../../terms/parse-yaml.ts';
import { type Rejection, isRejection } from '../../terms/rejection.ts';
import { formatBytes, toLine } from '../../terms/text.ts';
import { type ReleaseSignature, judgeRelease } from '../judge-release.ts';
import type { ReleaseKeyring } from '../release-keyring.ts';
import {
  CONFIGMAP_LABEL,
  CONFIGMAP_NAMESPACE,
  MAX_ANNOTATION_BYTES,
  MAX_CONFIGMAP_BYTES,
  OWN_CONFIGMAP,
} from './format-configmaps.ts';

/** Something about a ConfigMap. A fault keeps signatures in it from being used; a warning does not. */
export interface ConfigMapFinding {
  readonly level: 'fault' | 'warning';
  /** `NAMESPACE/NAME`, with the key where it is about one. */
  readonly place: string;
  readonly message: string;
}

/** A signature that the cluster-version operator finds. */
export interface ConfigMapSignature {
  readonly place: string;
  readonly digest: string;
  /** Undefined where no keys were given. */
  readonly verdict: ReleaseSignature | Rejection | undefined;
}

export interface CheckedConfigMaps {
  readonly configMaps: number;
  readonly found: readonly ConfigMapSignature[];
  readonly findings: readonly ConfigMapFinding[];
}

const object = z.looseObject({
  apiVersion: z.string().optional(),
  kind: z.string().optional(),
  items: z.array(z.unknown()).optional(),
});
const configMap = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).nullish(),
  }),
  data: z.record(z.string(), z.unknown()).nullish(),
  binaryData: z.record(z.string(), z.unknown()).nullish(),
});
type ConfigMap = z.infer<typeof configMap>;

/** A file of ConfigMaps that cannot be read as one. */
export class ConfigMapFileError extends Error {
  override readonly name = 'ConfigMapFileError';
}

/** A key that the cluster-version operator finds for a digest, and what it has behind it. */
const FOUND_KEY = /^sha256-([0-9a-f]{64})(.*)$/s;
const KEY = /^[-._a-zA-Z0-9]{1,253}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** Aliases of YAML multiply what is small. */
const MAX_ALIASES = 0;

/**
 * Reads YAML or JSON, with several documents or a List.
 * @throws ConfigMapFileError
 */
export function checkConfigMaps(
  text: string,
  keyrings: readonly ReleaseKeyring[],
  now: Date,
): CheckedConfigMaps {
  const findings: ConfigMapFinding[] = [];
  const found: ConfigMapSignature[] = [];
  const configMaps = readObjects(text).map((one) => readConfigMap(one));
  const names = new Set<string>();
  for (const one of configMaps) {
    const place = placeOf(one);
    if (names.has(place)) {
      findings.push({
        level: 'warning',
        place,
        message: 'the file has it twice: the last one counts',
      });
    }
    names.add(place);
    findings.push(...checkObject(one));
    if (!isFound(one)) continue;
    for (const [key, value] of Object.entries(one.binaryData ?? {})) {
      const entry = readEntry(`${place} ${key}`, key, value);
      if ('message' in entry) findings.push(entry);
      else {
        findings.push(...warnOfSuffix(entry));
        const { digest, bytes } = entry;
        const verdict =
          keyrings.length === 0 ? undefined : judgeRelease(bytes, digest, keyrings, now);
        found.push({ place: entry.place, digest, verdict });
      }
    }
  }
  return { configMaps: configMaps.length, found, findings };
}

/** What the signatures that were found mean for a digest: refused ones cost nothing, as long as one is good. */
export function findUnverified({ found }: CheckedConfigMaps): readonly string[] {
  const digests = [...new Set(found.map(({ digest }) => digest))];
  return digests.filter((digest) =>
    found
      .filter((one) => one.digest === digest)
      .every(({ verdict }) => verdict !== undefined && isRejection(verdict)),
  );
}

function readObjects(text: string): readonly unknown[] {
  const all = readDocuments(text)
    .filter((one) => one !== null)
    .flatMap(itemsOf);
  if (all.length === 0) throw new ConfigMapFileError('expected ConfigMaps, got none');
  return all;
}

function readDocuments(text: string): readonly unknown[] {
  try {
    return parseYaml(text, MAX_ALIASES);
  } catch (cause) {
    throw new ConfigMapFileError(
      `expected YAML or JSON, got neither: ${toLine(messageOf(cause))}`,
      { cause },
    );
  }
}

function itemsOf(value: unknown): readonly unknown[] {
  const read = object.safeParse(value);
  return read.success && read.data.kind?.endsWith('List') === true
    ? (read.data.items ?? [])
    : [value];
}

function readConfigMap(value: unknown): ConfigMap {
  const { kind } = object.safeParse(value).data ?? {};
  const read = configMap.safeParse(value);
  if (kind === 'ConfigMap' && read.success) return read.data;
  const got = kind === undefined ? 'something else' : `a ${toLine(kind)}`;
  throw new ConfigMapFileError(
    kind === 'ConfigMap'
      ? 'expected a ConfigMap with a name, and text as its values'
      : `expected ConfigMaps, got ${got}`,
  );
}

function placeOf({ metadata: { namespace = '', name } }: ConfigMap): string {
  return toLine(`${namespace}/${name}`);
}

/** Whether the cluster-version operator looks into it: by namespace and label, whatever its value. */
function isFound({ metadata: { namespace, labels } }: ConfigMap): boolean {
  return namespace === CONFIGMAP_NAMESPACE && labels?.[CONFIGMAP_LABEL] !== undefined;
}

function checkObject(one: ConfigMap): readonly ConfigMapFinding[] {
  const { metadata, data, binaryData } = one;
  const place = placeOf(one);
  const findings: ConfigMapFinding[] = [];
  const add = (level: ConfigMapFinding['level'], message: string): void => {
    findings.push({ level, place, message });
  };
  if (metadata.namespace !== CONFIGMAP_NAMESPACE) {
    add('fault', `the cluster-version operator looks in the namespace ${CONFIGMAP_NAMESPACE} only`);
  }
  if (metadata.labels?.[CONFIGMAP_LABEL] === undefined) {
    add('fault', `the cluster-version operator finds it by the label ${CONFIGMAP_LABEL} only`);
  }
  if (metadata.name === OWN_CONFIGMAP) {
    add('fault', `${OWN_CONFIGMAP} is the cluster-version operator's own: it overwrites it`);
  }
  if (Object.keys(data ?? {}).length > 0) {
    add('fault', 'what is in `data` is not read: signatures belong into `binaryData`');
  }
  const values = Object.values(binaryData ?? {}).map(String);
  if (values.length === 0) add('fault', 'it has no signature in `binaryData`');
  const bytes = values.reduce((sum, value) => sum + (value.length * 3) / 4, 0);
  const applied = JSON.stringify(one).length;
  if (bytes > MAX_CONFIGMAP_BYTES) {
    add('fault', `it has ${formatBytes(bytes)}, more than the API server takes`);
  } else if (applied > MAX_ANNOTATION_BYTES) {
    add(
      'warning',
      `it has ${formatBytes(applied)}, more than \`oc apply\` keeps: use \`oc apply --server-side\``,
    );
  }
  return findings;
}

interface Entry {
  readonly place: string;
  readonly digest: string;
  readonly suffix: string;
  readonly bytes: Uint8Array;
}

function readEntry(place: string, key: string, value: unknown): Entry | ConfigMapFinding {
  const fault = (message: string): ConfigMapFinding => ({
    level: 'fault',
    place: toLine(place),
    message,
  });
  if (!KEY.test(key)) return fault('the API server does not take this key');
  const [, hex, suffix = ''] = FOUND_KEY.exec(key) ?? [];
  if (hex === undefined) {
    return fault('no digest begins the key: the cluster-version operator asks for sha256-HEX');
  }
  const text = typeof value === 'string' ? value.replaceAll(/[\r\n]/g, '') : '';
  if (text === '' || !BASE64.test(text)) return fault('expected a value in base64');
  const bytes = Buffer.from(text, 'base64');
  return { place: toLine(place), digest: `sha256:${hex}`, suffix, bytes };
}

/** oc-mirror takes keys apart at their dashes: version 1 uses the third part unasked, version 2 wants just three. */
function warnOfSuffix({ place, suffix }: Entry): readonly ConfigMapFinding[] {
  if (/^-[0-9]+$/.test(suffix)) return [];
  const message =
    suffix === ''
      ? 'the key has no number: oc-mirror 1 crashes at it, so write sha256-HEX-1'
      : 'the key does not end in a number: oc-mirror passes it over, so write sha256-HEX-1';
  return [{ level: 'warning', place, message }];
}
