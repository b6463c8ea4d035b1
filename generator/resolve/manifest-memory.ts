// What manifests are, by their digests: a list of platforms with these instances, or one image. The bytes
// prove themselves by their hash, so it does not matter who sent them, and what was learnt once is true for
// ever. Bounded: what was learnt first is forgotten first, and is asked for again when it is needed.
import { hash } from 'node:crypto';
import { z } from 'zod';
import { KeptFile, type KeptContent, type KeptFileOptions } from '../system/kept-file.ts';
import { type Instance, parseManifest } from './manifest.ts';

/** What is known of a digest. */
export type KnownManifest =
  | { readonly kind: 'list'; readonly instances: readonly ListedInstance[] }
  | { readonly kind: 'single' }
  /** The repository's registry said that it does not have it: nobody can pull it. */
  | { readonly kind: 'missing' };

/** What is known of manifests when an image is resolved. */
export interface KnownManifests {
  find(digestHex: string): KnownManifest | undefined;
  /** The digests of the lists that have an instance. */
  listsWith(digestHex: string): Iterable<string>;
}

export type ListedInstance = Pick<Instance, 'platform' | 'digestHex'>;

const MOST_MANIFESTS = 50_000;
/** All instances of all lists together. */
const MOST_INSTANCES = 200_000;
/** More than any honest list has. */
const MOST_IN_A_LIST = 500;
/** `missing` is a registry's word, and may be true no longer. */
const MOST_MISSING = 5000;
/** Milliseconds. */
const MISSING_FOR = 10 * 60_000;

const SINGLE: KnownManifest = { kind: 'single' };
const MISSING: KnownManifest = { kind: 'missing' };

export class ManifestMemory {
  readonly #manifests = new Map<string, KnownManifest>();
  /** Repositories with a digest that they do not have, and until when that is believed. */
  readonly #missing = new Map<string, number>();
  /** Digests of lists, by those of their instances. */
  readonly #lists = new Map<string, Set<string>>();
  #instances = 0;
  #version = 0;

  /** Changes with what is known. */
  get version(): number {
    return this.#version;
  }

  /**
   * `digestHex`: 64 lower-case hexadecimal digits, here and below; `name`: the repository as `HOST/REPOSITORY`, as
   * one registry may lack what another has.
   */
  find(digestHex: string, name: string, now: Date): KnownManifest | undefined {
    const known = this.#manifests.get(digestHex);
    if (known) return known;
    return (this.#missing.get(missingKey(digestHex, name)) ?? 0) > now.getTime()
      ? MISSING
      : undefined;
  }

  /** What is known at a moment, as far as it concerns a repository. */
  knownOf(name: string, now: Date): KnownManifests {
    return {
      find: (digestHex) => this.find(digestHex, name, now),
      listsWith: (digestHex) => this.listsWith(digestHex),
    };
  }

  /** The digests of the lists that have an instance. */
  listsWith(digestHex: string): Iterable<string> {
    return this.#lists.get(digestHex) ?? [];
  }

  /** Learns what a manifest says, and gives its digest; undefined for what is none. */
  learn(untrustedBytes: Uint8Array): string | undefined {
    const manifest = parseManifest(untrustedBytes);
    if (!manifest) return undefined;
    const { digestHex, instances } = manifest;
    this.#set(digestHex, instances ? toList(instances.slice(0, MOST_IN_A_LIST)) : SINGLE);
    return digestHex;
  }

  /** Notes that a repository does not have a manifest. */
  noteMissing(digestHex: string, name: string, now: Date): void {
    if (this.#manifests.has(digestHex)) return;
    const key = missingKey(digestHex, name);
    this.#missing.delete(key);
    this.#missing.set(key, now.getTime() + MISSING_FOR);
    const [oldest] = this.#missing.keys();
    if (this.#missing.size > MOST_MISSING && oldest !== undefined) this.#missing.delete(oldest);
  }

  /** All that is true for ever, the oldest first. */
  *entries(): Generator<readonly [digestHex: string, known: KnownManifest]> {
    yield* this.#manifests;
  }

  /** Takes in what an earlier run has learnt. */
  resume(digestHex: string, known: KnownManifest): void {
    this.#set(digestHex, known);
  }

  #set(digestHex: string, known: KnownManifest): void {
    if (this.#manifests.has(digestHex)) return;
    this.#manifests.set(digestHex, known);
    this.#version++;
    for (const instance of instancesOf(known)) {
      const lists = this.#lists.get(instance.digestHex) ?? new Set();
      this.#lists.set(instance.digestHex, lists.add(digestHex));
      this.#instances++;
    }
    while (this.#manifests.size > MOST_MANIFESTS || this.#instances > MOST_INSTANCES) {
      const [oldest = ''] = this.#manifests.keys();
      this.#forget(oldest);
    }
  }

  #forget(digestHex: string): void {
    const known = this.#manifests.get(digestHex);
    this.#manifests.delete(digestHex);
    for (const instance of known ? instancesOf(known) : []) {
      const lists = this.#lists.get(instance.digestHex);
      lists?.delete(digestHex);
      if (lists?.size === 0) this.#lists.delete(instance.digestHex);
      this.#instances--;
    }
  }
}

function missingKey(digestHex: string, name: string): string {
  return `${name}@${digestHex}`;
}

function toList(instances: readonly Instance[]): KnownManifest {
  return {
    kind: 'list',
    instances: instances.map(({ platform, digestHex }) => ({ platform, digestHex })),
  };
}

function instancesOf(known: KnownManifest): readonly ListedInstance[] {
  return known.kind === 'list' ? known.instances : [];
}

const HEAD = 'lookaside manifests, 1';
const MAX_FILE_BYTES = 128 * 1024 * 1024;
const EMPTY_ID = 'nothing';

const hex = z.string().regex(/^[0-9a-f]{64}$/);
/** A digest, and of a list its instances with their platforms. */
const lineSchema = z.union([
  z.tuple([hex]),
  z.tuple([hex, z.array(z.tuple([hex, z.string()])).max(MOST_IN_A_LIST)]),
]);

/** What is known of manifests, kept for the next run. */
export class ManifestFile {
  readonly #file: KeptFile;

  /** Touches nothing yet. */
  constructor(options: KeptFileOptions) {
    this.#file = new KeptFile(options, EMPTY_ID, MAX_FILE_BYTES);
  }

  /** Takes what an earlier run has left into a memory; nothing where that cannot be used. */
  async read(memory: ManifestMemory): Promise<void> {
    const lines = await this.#file.read((text) => ({ value: parse(text), id: '' }));
    for (const [digestHex, known] of lines ?? []) memory.resume(digestHex, known);
  }

  /** Settles when the next run would find what the memory has. */
  async keep(memory: ManifestMemory): Promise<void> {
    return this.#file.keep(() => toContent(memory));
  }
}

function toContent(memory: ManifestMemory): KeptContent {
  const lines = Array.from(memory.entries(), formatLine);
  const checksum = hash('sha256', lines.join(''));
  return {
    id: lines.length === 0 ? EMPTY_ID : checksum,
    pieces: () => [`${HEAD}\n${checksum}\n`, lines.join('')],
  };
}

function formatLine([digestHex, known]: readonly [string, KnownManifest]): string {
  if (known.kind !== 'list') return `${JSON.stringify([digestHex])}\n`;
  const pairs = known.instances.map((instance) => [instance.digestHex, instance.platform]);
  return `${JSON.stringify([digestHex, pairs])}\n`;
}

/** @throws Error for what `formatLine` does not write */
function parse(latin1: string): readonly (readonly [string, KnownManifest])[] {
  const [head, checksum, ...lines] = Buffer.from(latin1, 'latin1').toString().split('\n');
  if (head !== HEAD) throw new Error('it has another form');
  if (checksum !== hash('sha256', lines.join('\n'))) throw new Error('it is damaged');
  return lines.slice(0, -1).map((line) => {
    const [digestHex, pairs] = lineSchema.parse(JSON.parse(line));
    const instances = pairs?.map(([own, platform]) => ({ digestHex: own, platform }));
    return [digestHex, instances ? { kind: 'list', instances } : SINGLE];
  });
}
