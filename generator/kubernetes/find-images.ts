// The images in a file of Kubernetes manifests, with their places in its text: YAML with one document or
// many, or JSON. The text is read without making objects of it, so that all that is not an image can stay
// as it is, byte for byte, and so that aliases of aliases cost nothing. Where readers of YAML differ about
// what counts, as kubectl's lets a merge key win over a key before it, all that may count is an image.
import {
  type Document,
  LineCounter,
  type Node,
  type Scalar,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseAllDocuments,
  visit,
} from 'yaml';
import { isYamlTooDeep } from '../terms/parse-yaml.ts';
import { type AliasedNodes, followAliases } from './aliased-nodes.ts';
import { CONTAINER_LISTS, findPodSpec } from './workload.ts';

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

/** Lists in lists, and mappings that merge others that merge others: nobody writes so many levels. */
const MOST_DEPTH = 8;
const TEMPLATE = /\{\{[^\n]*\}\}/;
const RENDER = 'render it first, as with `helm template`, and give what comes out';

/**
 * Finds the images of a text.
 * @throws Error where it is no YAML, or has too many levels
 */
export function findImageStrings(text: string): FoundImageStrings {
  if (isYamlTooDeep(text)) throw new Error('it is nested too deeply');
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
  // Merge keys as kubectl reads them. The library compares each key with all others to find equal ones.
  const documents = parseAllDocuments(text, {
    merge: true,
    lineCounter,
    logLevel: 'error',
    prettyErrors: false,
    uniqueKeys: false,
  });
  const all = 'empty' in documents ? [] : documents;
  const error = all.flatMap(({ errors }) => errors)[0];
  if (!error) {
    for (const document of all) assertUniqueKeys(document, lineCounter);
    return all;
  }
  if (TEMPLATE.test(text)) throw new Error(`it is a template, not a plain manifest: ${RENDER}`);
  const { line, col } = lineCounter.linePos(error.pos[0]);
  throw new Error(`it is no YAML: ${error.message} at line ${line}, column ${col}`);
}

/** Who writes a key twice means one of them, and nobody knows which. */
function assertUniqueKeys(document: Document.Parsed, lineCounter: LineCounter): void {
  visit(document, {
    Map: (_key, { items }) => {
      const names = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key) || key.source === '<<') continue;
        if (names.has(key.value)) {
          const { line } = lineCounter.linePos(key.range?.[0] ?? 0);
          throw new Error(
            `the key ${JSON.stringify(key.value)} stands twice, again in line ${line}`,
          );
        }
        names.add(key.value);
      }
    },
  });
}

/** What an object is, as far as its images depend on it. */
interface ObjectType {
  readonly apiVersion: string;
  readonly kind: string;
}

/** The images of one document. */
class DocumentImages {
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #aliased: AliasedNodes;
  readonly #scalars = new Set<Scalar>();
  /** The nodes that stand where an image is: these scalars, or aliases of them. */
  readonly #places = new Set<Node>();
  /** An alias brings the same pod spec again. */
  readonly #seen = new Set<unknown>();
  /** What was found in mappings, by names. */
  readonly #members = new Map<string, Map<unknown, ReadonlySet<Node>>>();
  readonly #notes: string[] = [];
  #workloads = 0;

  constructor(document: Document.Parsed, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
    this.#aliased = followAliases(document);
  }

  find(): FoundImageStrings {
    this.#lookAtObject(this.#document.contents, [], 0);
    const images = Array.from(this.#scalars, (scalar): ImageString => {
      const [from = 0, to = 0] = scalar.range ?? [];
      const { line } = this.#lines.linePos(from);
      // What is no text, as a number, is no image for Kubernetes, and is not to be passed over.
      const image = typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? '');
      return { image, from, to, line, obstacle: this.#findObstacle(scalar) };
    });
    return { images, workloads: this.#workloads, notes: this.#notes };
  }

  /** `inherited`: what an item of a list is that does not say so itself. */
  #lookAtObject(node: unknown, inherited: readonly ObjectType[], depth: number): void {
    const object = this.#resolve(node);
    if (object === undefined || object === null || isEmpty(object)) return;
    if (depth > MOST_DEPTH) throw new Error('it has lists within lists within lists');
    const types = this.#typesOf(object, inherited);
    if (types.length === 0) this.#notes.push(noteOther(object));
    else if (types.some(({ kind }) => kind === 'Kustomization')) this.#notes.push(KUSTOMIZATION);
    // For kubectl, whatever has `items` is a list.
    const listed = types.map((type) => ({ ...type, kind: type.kind.replace(/List$/, '') }));
    if (types.length > 0) {
      for (const item of this.#itemsOf(object, 'items')) {
        this.#lookAtObject(item, listed, depth + 1);
      }
    }
    for (const { apiVersion, kind } of types) {
      const path = findPodSpec(apiVersion, kind);
      if (!path) continue;
      this.#workloads++;
      let specs: readonly unknown[] = [object];
      for (const name of path) specs = specs.flatMap((spec) => [...this.#find(spec, name)]);
      for (const spec of specs) this.#lookAtPodSpec(spec);
    }
  }

  #typesOf(object: unknown, inherited: readonly ObjectType[]): readonly ObjectType[] {
    const apiVersions = this.#textsOf(object, 'apiVersion');
    const kinds = this.#textsOf(object, 'kind');
    if (apiVersions.length === 0 && kinds.length === 0) return isMap(object) ? inherited : [];
    return apiVersions.flatMap((apiVersion) => kinds.map((kind) => ({ apiVersion, kind })));
  }

  #lookAtPodSpec(node: unknown): void {
    const spec = this.#resolve(node);
    if (!isMap(spec) || this.#seen.has(spec)) return;
    this.#seen.add(spec);
    for (const list of CONTAINER_LISTS) {
      for (const container of this.#itemsOf(spec, list)) this.#addImage(container, 'image');
    }
    for (const volume of this.#itemsOf(spec, 'volumes')) {
      for (const image of this.#find(volume, 'image')) this.#addImage(image, 'reference');
    }
  }

  #addImage(node: unknown, name: string): void {
    for (const value of this.#find(node, name)) {
      const scalar = this.#resolve(value);
      if (!isScalar(scalar) || scalar.value === null) continue;
      this.#places.add(value);
      this.#scalars.add(scalar);
    }
  }

  /** What has an anchor may stand elsewhere too, where a digest would be wrong. */
  #findObstacle(scalar: Scalar): string | undefined {
    const { anchor } = scalar;
    if (typeof scalar.value !== 'string') return 'it is no text there: write it in quotes';
    if (anchor === undefined) return undefined;
    const all = [scalar, ...this.#aliased.aliasesOf(scalar)];
    return all.every((one) => this.#places.has(one))
      ? undefined
      : `the anchor &${anchor} is used for more than images: write the image out where it is one`;
  }

  /** The values that a member may have, as they stand in the text: in a mapping, or in those that it merges. */
  #find(node: unknown, name: string, depth = 0): ReadonlySet<Node> {
    const map = this.#resolve(node);
    if (!isMap(map)) return NONE;
    if (depth > MOST_DEPTH)
      throw new Error('it merges mappings that merge mappings that merge more');
    const known = this.#members.get(name) ?? new Map<unknown, ReadonlySet<Node>>();
    this.#members.set(name, known);
    const before = known.get(map);
    if (before) return before;
    const found = new Set<Node>();
    for (const { key, value } of map.items) {
      if (this.#isMerge(key)) {
        for (const one of this.#findMerged(value, name, depth)) found.add(one);
      } else if (this.#nameOf(key) === name) {
        // A key wins over what was merged before it; about what is merged behind it readers differ.
        found.clear();
        if (isNode(value)) found.add(value);
      }
    }
    known.set(map, found);
    return found;
  }

  /** Of several mappings, the first that has a member. */
  #findMerged(value: unknown, name: string, depth: number): ReadonlySet<Node> {
    const merged = this.#resolve(value);
    const sources: readonly unknown[] = isSeq(merged) ? merged.items : [merged];
    for (const source of sources) {
      const found = this.#find(source, name, depth + 1);
      if (found.size > 0) return found;
    }
    return NONE;
  }

  #isMerge(key: unknown): boolean {
    const scalar = this.#resolve(key);
    return isScalar(scalar) && scalar.source === '<<';
  }

  /** A byte order mark may stand before the first key of any document. */
  #nameOf(key: unknown): string | undefined {
    const scalar = this.#resolve(key);
    return isScalar(scalar) ? String(scalar.value).replace(/^\ufeff/, '') : undefined;
  }

  #textsOf(node: unknown, name: string): readonly string[] {
    const values = Array.from(this.#find(node, name), (value) => this.#resolve(value));
    return values.flatMap((value) =>
      isScalar(value) && typeof value.value === 'string' ? value.value : [],
    );
  }

  #itemsOf(node: unknown, name: string): readonly unknown[] {
    return Array.from(this.#find(node, name), (value) => this.#resolve(value)).flatMap((list) =>
      isSeq(list) ? list.items : [],
    );
  }

  /** What an alias stands for. */
  #resolve(node: unknown): unknown {
    return isAlias(node) ? this.#aliased.resolve(node) : node;
  }
}

const NONE: ReadonlySet<Node> = new Set();

function isEmpty(object: unknown): boolean {
  return isScalar(object) && object.value === null;
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
