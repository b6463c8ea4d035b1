// Lists of digests, in the forms in which other programs print them.
import { z } from 'zod';
import {
  type DockerReference,
  parseDockerReference,
  withoutTransport,
} from '../../generator/terms/image-name.ts';
import { listLines } from '../../generator/terms/text.ts';
import { UsageError } from '../base/usage-error.ts';

/** A manifest that a list names. */
export interface ListedDigest {
  /** Undefined for a digest alone. */
  readonly image: DockerReference | undefined;
  /** What the list itself says that the image is called here; undefined where it does not. */
  readonly copy: DockerReference | undefined;
  /** 64 lower-case hexadecimal digits. */
  readonly digestHex: string;
  /** Whether somebody has chosen it; else it stands in a list of images of all sorts. */
  readonly isPicked: boolean;
}

export interface DigestList {
  readonly listed: readonly ListedDigest[];
  /** Entries that name no manifest of a registry: a tag in a mapping, an image that was built on its node. */
  readonly passed: number;
}

const DIGEST = /^sha256:([0-9a-f]{64})$/;
/** Between the two sides of a line of a mapping.txt; no name of an image has it. */
const MAPPED = '=';
/** What docker puts before the names of images in pods. */
const PULLABLE = /^docker-pullable:\/\//;
const HINT =
  'one IMAGE@sha256:HEX or sha256:HEX each, a digest file of skopeo, a mapping.txt of oc-mirror, `kubectl get pods -o json`, or `oc adm release info -o json`';

/**
 * Reads a list; `place` is what errors call it.
 * @throws UsageError for what is no digest
 */
export function parseDigestList(text: string, place: string): DigestList {
  if (/^\s*\{/.test(text)) return parseDocument(text, place);
  const listed: ListedDigest[] = [];
  let passed = 0;
  for (const { line, at } of listLines(text)) {
    const found = readLine(line);
    if (found === undefined) {
      const message = `${place}:${at}: expected an image with a sha256 digest, got ${JSON.stringify(line)}`;
      throw new UsageError(message, HINT);
    }
    if (found.length === 0) passed += 1;
    listed.push(...found);
  }
  return { listed, passed };
}

/** Undefined where it is not understood, empty where it names no manifest. */
function readLine(line: string): readonly ListedDigest[] | undefined {
  const middle = line.indexOf(MAPPED);
  if (middle >= 0) return readMapping(line.slice(0, middle), line.slice(middle + 1));
  const words = line.split(/\s+/);
  const [first = '', second = ''] = words;
  const [, digestHex] = DIGEST.exec(first) ?? [];
  // As `skopeo sync --digestfile` writes it: the digest, and the name of the copy.
  if (words.length === 2 && digestHex !== undefined && second.startsWith('docker://')) {
    const image = parseDockerReference(withoutTransport(second));
    return image && [{ image, copy: undefined, digestHex, isPicked: true }];
  }
  const found = words.map(readImage);
  const good = found.filter((one) => one !== undefined);
  return good.length === found.length ? good : undefined;
}

/** oc-mirror v2 writes transports; v1, `oc adm catalog mirror` and `oc image mirror` write names alone. */
function readMapping(from: string, to: string): readonly ListedDigest[] | undefined {
  const image = parseDockerReference(withoutTransport(from));
  if (!image) return undefined;
  const listed = readImage(from);
  if (!listed) return [];
  // A mapping to a disk says nothing of the registry that the images are for.
  const copy = to.startsWith('file://') ? undefined : parseDockerReference(withoutTransport(to));
  return to.startsWith('file://') || copy ? [{ ...listed, copy, isPicked: false }] : undefined;
}

/** `IMAGE@sha256:HEX`, or a digest alone. */
function readImage(text: string): ListedDigest | undefined {
  const unsaid = { copy: undefined, isPicked: true };
  const [, alone] = DIGEST.exec(text) ?? [];
  if (alone !== undefined) return { ...unsaid, image: undefined, digestHex: alone };
  const image = parseDockerReference(withoutTransport(text.replace(PULLABLE, '')));
  const [, digestHex] = DIGEST.exec(image?.digest ?? '') ?? [];
  return image && digestHex !== undefined ? { ...unsaid, image, digestHex } : undefined;
}

const statuses = z.array(z.object({ imageID: z.string().default('') })).default([]);
const podSchema = z.object({
  kind: z.literal('Pod').optional(),
  status: z.object({
    containerStatuses: statuses,
    initContainerStatuses: statuses,
    ephemeralContainerStatuses: statuses,
  }),
});
const podsSchema = z.union([
  z.object({ items: z.array(podSchema) }),
  podSchema.transform((pod) => ({ items: [pod] })),
]);

const digest = z.string().regex(DIGEST);
/** The list of platforms is none for a release that has one only (openshift/oc, ReleaseInfo). */
const releaseSchema = z.object({
  image: z.string(),
  digest,
  listDigest: z.union([digest, z.literal('')]).optional(),
});

/** What other programs print as JSON. */
function parseDocument(text: string, place: string): DigestList {
  const document = parseJson(text);
  const release = releaseSchema.safeParse(document);
  if (release.success) return listRelease(release.data);
  const pods = podsSchema.safeParse(document);
  if (pods.success) return listPods(pods.data);
  throw new UsageError(`${place}: expected a list of pods or a release, got other JSON`, HINT);
}

/** The manifest of a release, and the list that it is in: both are signed. */
function listRelease(release: z.output<typeof releaseSchema>): DigestList {
  const image = parseDockerReference(withoutTransport(release.image));
  const listed = [release.listDigest, release.digest].flatMap((text = ''): ListedDigest[] => {
    const one = readImage(text);
    return one ? [{ ...one, image }] : [];
  });
  return { listed, passed: 0 };
}

/** The images of running containers, as the API server tells them. */
function listPods(pods: z.output<typeof podsSchema>): DigestList {
  const listed: ListedDigest[] = [];
  let passed = 0;
  for (const { status } of pods.items) {
    const { containerStatuses, initContainerStatuses, ephemeralContainerStatuses } = status;
    const all = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses];
    for (const { imageID } of all) {
      // A container that has not started has none, and an image of a node's own is named by its configuration.
      const found = imageID === '' ? undefined : readImage(imageID);
      if (found?.image) listed.push({ ...found, isPicked: false });
      else passed += 1;
    }
  }
  return { listed, passed };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
