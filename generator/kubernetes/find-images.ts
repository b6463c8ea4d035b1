// The images in a file of Kubernetes manifests, with their places in its text: YAML with one document or
// many, or JSON. The text is read without making objects of it, so that all that is not an image can stay
// as it is, byte for byte, and so that aliases of aliases cost nothing.
import {
  type Document,
  LineCounter,
  type Node,
  type Scalar,
  type YAMLMap,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseAllDocuments,
  visit,
} from 'yaml';
import { CONTAINER_LISTS, findPodSpec, isList } from './workload.ts';

/** An image in a text. */
export interface ImageString {
  /** As it is written there, without quotes. */
  readonly image: string;
  /** Where it begins in the text, and where it ends; quotes and block headers are within. UTF-16 code units. */
  readonly from: number;
  readonly to: number;
  /** From 1. */
  readonly line: number;
  /** Why it must not be replaced there, with the cure; undefined if it may. */
  readonly obstacle: string | undefined;
}

export interface FoundImageStrings {
  readonly images: readonly ImageString[];
  /** How many objects have images by their kind, even if they have none. */
  readonly workloads: number;
  /** Why all or a part of the text was not looked at, with the cure, in sentences. */
  readonly notes: readonly string[];
}

/** Lists in lists are no manifests that anybody writes. */
const MOST_DEPTH = 8;
const TEMPLATE = /\{\{[^\n]*\}\}/;
const RENDER = 'render it first, as with `helm template`, and give what comes out';

/**
 * Finds the images of a text.
 * @throws Error where it is no YAML
 */
export function findImageStrings(text: string): FoundImageStrings {
  const lines = new LineCounter();
  const found = parseDocuments(text, lines).map((document) =>
    new DocumentImages(document, lines).find(),
  );
  const images = found.flatMap((one) => one.images).toSorted((a, b) => a.from - b.from);
  const notes = new Set(found.flatMap((one) => one.notes));
  const workloads = found.reduce((sum, one) => sum + one.workloads, 0);
  return { images, workloads, notes: [...notes] };
}

function parseDocuments(text: string, lineCounter: LineCounter): readonly Document.Parsed[] {
  // Merge keys as kubectl reads them. Who writes a key twice means one of them, and nobody knows which.
  const documents = parseAllDocuments(text, { merge: true, lineCounter, logLevel: 'error' });
  const all = 'empty' in documents ? [] : documents;
  const error = all.flatMap(({ errors }) => errors)[0];
  if (!error) return all;
  const [said = ''] = error.message.split('\n');
  if (TEMPLATE.test(text)) throw new Error(`it is a template, not a plain manifest: ${RENDER}`);
  throw new Error(`it is no YAML: ${said.replace(/:$/, '')}`);
}

/** The images of one document. */
class DocumentImages {
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #scalars = new Set<Scalar>();
  /** The nodes that stand where an image is: these scalars, or aliases of them. */
  readonly #places = new Set<Node>();
  /** An alias brings the same pod spec again. */
  readonly #seen = new Set<Node>();
  readonly #notes: string[] = [];
  #workloads = 0;

  constructor(document: Document.Parsed, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  find(): FoundImageStrings {
    this.#lookAtObject(this.#document.contents, 0);
    const images = Array.from(this.#scalars, (scalar): ImageString => {
      const [from = 0, to = 0] = scalar.range ?? [];
      const { line } = this.#lines.linePos(from);
      const image = String(scalar.value);
      return { image, from, to, line, obstacle: this.#findObstacle(scalar) };
    });
    return { images, workloads: this.#workloads, notes: this.#notes };
  }

  #lookAtObject(node: unknown, depth: number): void {
    const object = this.#resolve(node);
    if (object === undefined || object === null || isEmpty(object)) return;
    const apiVersion = this.#textOf(object, 'apiVersion');
    const kind = this.#textOf(object, 'kind');
    if (apiVersion === undefined || kind === undefined) {
      this.#notes.push(noteOther(object));
      return;
    }
    if (kind === 'Kustomization') this.#notes.push(KUSTOMIZATION);
    if (isList(apiVersion, kind) && depth < MOST_DEPTH) {
      for (const item of this.#itemsOf(object, 'items')) this.#lookAtObject(item, depth + 1);
    }
    const path = findPodSpec(apiVersion, kind);
    if (!path) return;
    this.#workloads++;
    let spec: unknown = object;
    for (const name of path) spec = this.#get(spec, name);
    this.#lookAtPodSpec(spec);
  }

  #lookAtPodSpec(node: unknown): void {
    const spec = this.#resolve(node);
    if (!isMap(spec) || this.#seen.has(spec)) return;
    this.#seen.add(spec);
    for (const list of CONTAINER_LISTS) {
      for (const container of this.#itemsOf(spec, list)) this.#addImage(container, 'image');
    }
    for (const volume of this.#itemsOf(spec, 'volumes')) {
      this.#addImage(this.#get(volume, 'image'), 'reference');
    }
  }

  #addImage(node: unknown, name: string): void {
    const value = this.#find(node, name);
    const scalar = this.#resolve(value);
    if (!value || !isScalar(scalar) || typeof scalar.value !== 'string') return;
    this.#places.add(value);
    this.#scalars.add(scalar);
  }

  /** What has an anchor may stand elsewhere too, where a digest would be wrong. */
  #findObstacle(scalar: Scalar): string | undefined {
    const { anchor } = scalar;
    if (anchor === undefined) return undefined;
    let isElsewhere = !this.#places.has(scalar);
    visit(this.#document, {
      Alias: (_key, alias) => {
        const isOfScalar = alias.source === anchor && alias.resolve(this.#document) === scalar;
        if (isOfScalar && !this.#places.has(alias)) isElsewhere = true;
      },
    });
    return isElsewhere
      ? `the anchor &${anchor} is used for more than images: write the image out where it is one`
      : undefined;
  }

  /** The value of a member as it stands in the text, in a mapping or in those that it merges. */
  #find(node: unknown, name: string, depth = 0): Node | undefined {
    const map = this.#resolve(node);
    if (!isMap(map) || depth > MOST_DEPTH) return undefined;
    const own = pairOf(map, name);
    if (own) return own;
    const merged = this.#resolve(pairOf(map, '<<'));
    const sources: readonly unknown[] = isSeq(merged) ? merged.items : [merged];
    for (const source of sources) {
      const found = this.#find(source, name, depth + 1);
      if (found) return found;
    }
    return undefined;
  }

  #get(node: unknown, name: string): unknown {
    return this.#resolve(this.#find(node, name));
  }

  #textOf(node: unknown, name: string): string | undefined {
    const value = this.#get(node, name);
    return isScalar(value) && typeof value.value === 'string' ? value.value : undefined;
  }

  #itemsOf(node: unknown, name: string): readonly unknown[] {
    const list = this.#get(node, name);
    return isSeq(list) ? list.items : [];
  }

  /** What an alias stands for. */
  #resolve(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }
}

function isEmpty(object: unknown): boolean {
  return isScalar(object) && object.value === null;
}

function pairOf(map: YAMLMap, name: string): Node | undefined {
  for (const { key, value } of map.items) {
    const isNamed = isScalar(key) ? key.value === name : key === name;
    // A merge key is a symbol's name once `merge` is set.
    const isMerge = name === '<<' && isScalar(key) && String(key.source) === '<<';
    if (isNamed || isMerge)
      return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) ? value : undefined;
  }
  return undefined;
}

const KUSTOMIZATION =
  'A kustomization names images without their objects: give what `kubectl kustomize` prints.';

function noteOther(object: unknown): string {
  if (!isMap(object)) return 'It has something else than Kubernetes objects.';
  const names = new Set(object.items.map(({ key }) => (isScalar(key) ? String(key.value) : '')));
  // Older kustomizations do without apiVersion and kind.
  if (names.has('resources') || names.has('bases')) return KUSTOMIZATION;
  return 'It has objects without apiVersion and kind: values of a chart, for example, are no manifests.';
}
