import { createHash } from 'node:crypto';
import { runOrThrow } from '../process/run.ts';

/** What a tree may hold: files, other trees, links (their targets), and submodules. */
export type HostileNode =
  Uint8Array | { readonly link: string } | { readonly commit: string } | readonly HostileEntry[];
export type HostileEntry = readonly [name: string | Uint8Array, node: HostileNode];

const AUTHOR = {
  GIT_AUTHOR_NAME: 'Author',
  GIT_AUTHOR_EMAIL: 'author@example.test',
  GIT_COMMITTER_NAME: 'Author',
  GIT_COMMITTER_EMAIL: 'author@example.test',
};

/**
 * Commits a tree to the branch `main` of a bare repository, whatever its names are: git itself
 * would refuse some of them. Returns the commit.
 */
export async function commitHostileTree(
  bare: string,
  entries: readonly HostileEntry[],
): Promise<string> {
  const git = async (args: readonly string[], input: string | Uint8Array = ''): Promise<string> => {
    const { stdout } = await runOrThrow('git', ['--git-dir', bare, ...args], {
      input,
      env: AUTHOR,
    });
    return stdout.trim();
  };
  const blobs: Uint8Array[] = [];
  const trees: { readonly id: string; readonly bytes: Uint8Array }[] = [];
  const top = addTree(entries, blobs, trees);
  await git(['fast-import', '--quiet'], Buffer.concat(blobs));
  for (const { bytes } of trees) {
    await git(['hash-object', '--literally', '-w', '-t', 'tree', '--stdin'], bytes);
  }
  const commit = await git(['commit-tree', '-m', 'Change signatures', top]);
  await git(['update-ref', 'refs/heads/main', commit]);
  return commit;
}

function addTree(
  entries: readonly HostileEntry[],
  blobs: Uint8Array[],
  trees: { readonly id: string; readonly bytes: Uint8Array }[],
): string {
  const known = new Map<Uint8Array, string>();
  const addBlob = (bytes: Uint8Array): string => {
    const id = known.get(bytes) ?? objectId('blob', bytes);
    if (known.has(bytes)) return id;
    known.set(bytes, id);
    blobs.push(Buffer.from(`blob\ndata ${bytes.length}\n`), bytes, Buffer.from('\n'));
    return id;
  };
  const records = entries.map(([name, node]) => {
    const [mode, id] = toObject(node);
    const record = Buffer.concat([
      Buffer.from(`${mode} `),
      Buffer.from(name),
      Buffer.from([0]),
      Buffer.from(id, 'hex'),
    ]);
    const order = Buffer.concat([Buffer.from(name), Buffer.from(mode === '40000' ? '/' : '')]);
    return { order, record };
  });
  const sorted = records.toSorted((a, b) => Buffer.compare(a.order, b.order));
  const bytes = Buffer.concat(sorted.map(({ record }) => record));
  const tree = { id: objectId('tree', bytes), bytes };
  trees.push(tree);
  return tree.id;

  function toObject(node: HostileNode): readonly [mode: string, id: string] {
    if (node instanceof Uint8Array) return ['100644', addBlob(node)];
    if ('link' in node) return ['120000', addBlob(Buffer.from(node.link))];
    if ('commit' in node) return ['160000', node.commit];
    return ['40000', addTree(node, blobs, trees)];
  }
}

function objectId(type: 'blob' | 'tree', bytes: Uint8Array): string {
  return createHash('sha1').update(`${type} ${bytes.length}\0`).update(bytes).digest('hex');
}
