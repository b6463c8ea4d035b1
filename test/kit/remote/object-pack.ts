/**
 * Git objects that git itself would not make: whatever names, depths and sizes are asked for. They
 * are gathered in memory and reach a bare repository as one pack, by one git process.
 */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { runOrThrow } from '../process/run.ts';

/** What stands in a tree: its mode as git writes it (`100644`, `40000`, …) and its object. */
export interface TreeEntry {
  readonly mode: string;
  readonly id: string;
}

export type Tree = ReadonlyMap<string | Uint8Array, TreeEntry>;

export interface CommitOptions {
  readonly parents?: readonly string[];
  /** The whole message; one line unless told. */
  readonly message?: string | Uint8Array;
  readonly author?: string;
  /** Seconds since 1970; now unless told. */
  readonly time?: number;
}

/** Of objects in a pack (gitformat-pack(5)). */
const TYPES = { commit: 1, tree: 2, blob: 3 } as const;
type ObjectType = keyof typeof TYPES;
const REF_DELTA = 7;
/** The most that one instruction of a delta copies, in bytes. */
const MAX_COPY = 0xff_ff_ff;
/** The most that one instruction of a delta brings along, in bytes. */
const MAX_INSERT = 0x7f;
const PATIENCE = 300_000;

/** Environment for git without the settings of who runs the tests. */
export const GIT_ENVIRONMENT = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
};

export class ObjectPack {
  readonly #packed: Buffer[] = [];
  readonly #known = new Set<string>();

  /** How many objects there are. */
  get size(): number {
    return this.#packed.length;
  }

  blob(bytes: Uint8Array): TreeEntry {
    return { mode: '100644', id: this.#add('blob', bytes) };
  }

  /** A symbolic link. */
  link(target: string | Uint8Array): TreeEntry {
    return { mode: '120000', id: this.#add('blob', Buffer.from(target)) };
  }

  /** A tree with these names, whatever they are; sorted as git wants it. */
  tree(entries: Tree): TreeEntry {
    const records = [...entries].map(([name, { mode, id }]) => {
      const bytes = Buffer.from(name);
      const order = mode === '40000' ? Buffer.concat([bytes, Buffer.from('/')]) : bytes;
      const head = Buffer.concat([Buffer.from(`${mode} `), bytes, Buffer.from([0])]);
      return { order, record: Buffer.concat([head, Buffer.from(id, 'hex')]) };
    });
    const sorted = records.toSorted((a, b) => Buffer.compare(a.order, b.order));
    const id = this.#add('tree', Buffer.concat(sorted.map(({ record }) => record)));
    return { mode: '40000', id };
  }

  /** A commit of a tree; returns its id. */
  commit(tree: TreeEntry, options: CommitOptions = {}): string {
    const { parents = [], message = 'Change signatures', author = 'Author', time } = options;
    const who = `${author} <author@example.test> ${time ?? Math.floor(Date.now() / 1000)} +0000`;
    const head = [
      `tree ${tree.id}`,
      ...parents.map((parent) => `parent ${parent}`),
      `author ${who}`,
      `committer ${who}`,
      '',
      '',
    ].join('\n');
    return this.#add('commit', Buffer.concat([Buffer.from(head), Buffer.from(message)]));
  }

  /**
   * A blob that is the base `times` times over and then `end`, which takes a few bytes on the
   * wire. The base must be in this pack, or in the repository, too.
   */
  repeated(base: Uint8Array, times: number, end: Uint8Array): TreeEntry {
    if (base.length > MAX_COPY || end.length > MAX_INSERT) {
      throw new Error('expected a base below 16 MiB and an end below 128 bytes');
    }
    const size = base.length * times + end.length;
    const hash = createHash('sha1').update(`blob ${size}\0`);
    for (let time = 0; time < times; time++) hash.update(base);
    const id = hash.update(end).digest('hex');
    if (this.#known.has(id)) return { mode: '100644', id };
    const baseId = this.#add('blob', base);
    const copy = Buffer.from([
      0xf0,
      base.length & 0xff,
      (base.length >> 8) & 0xff,
      base.length >> 16,
    ]);
    const delta = Buffer.concat([
      formatSize(base.length),
      formatSize(size),
      ...Array.from({ length: times }, () => copy),
      ...(end.length > 0 ? [Buffer.from([end.length]), end] : []),
    ]);
    const data = deflateSync(delta);
    this.#known.add(id);
    this.#packed.push(
      Buffer.concat([formatHead(REF_DELTA, delta.length), Buffer.from(baseId, 'hex'), data]),
    );
    return { mode: '100644', id };
  }

  /** Puts all objects into a bare repository. No ref is set. */
  async writeTo(bare: string): Promise<void> {
    const head = Buffer.alloc(12);
    head.write('PACK');
    head.writeUInt32BE(2, 4);
    head.writeUInt32BE(this.#packed.length, 8);
    const content = Buffer.concat([head, ...this.#packed]);
    const pack = Buffer.concat([content, createHash('sha1').update(content).digest()]);
    await runOrThrow('git', ['--git-dir', bare, 'index-pack', '--stdin'], {
      input: pack,
      env: GIT_ENVIRONMENT,
      timeout: PATIENCE,
    });
  }

  #add(type: ObjectType, bytes: Uint8Array): string {
    const id = createHash('sha1').update(`${type} ${bytes.length}\0`).update(bytes).digest('hex');
    if (this.#known.has(id)) return id;
    this.#known.add(id);
    this.#packed.push(Buffer.concat([formatHead(TYPES[type], bytes.length), deflateSync(bytes)]));
    return id;
  }
}

/** The head of an object: its type and size, the low four bits first. */
function formatHead(type: number, size: number): Buffer {
  const rest = Math.floor(size / 16);
  const first = (type << 4) | (size & 0xf);
  return rest === 0
    ? Buffer.from([first])
    : Buffer.concat([Buffer.from([first | 0x80]), formatSize(rest)]);
}

/** A number in groups of seven bits, the lowest first. */
function formatSize(size: number): Buffer {
  const bytes: number[] = [];
  let rest = size;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
