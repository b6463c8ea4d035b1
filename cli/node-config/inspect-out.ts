// What a tree already has that the files of nodes are laid out over.
import { basename, dirname, join } from 'node:path';
import { collectSections } from '../../generator/nodes/check/collect-sections.ts';
import { listDropIns, mergeDirectories } from '../../generator/nodes/check/newer-search.ts';
import type { FoundFile } from '../../generator/nodes/check/node-state.ts';
import { isPolicy } from '../../generator/nodes/policy-file.ts';
import type { NodeFile } from '../../generator/nodes/node-file.ts';
import { signedScopes } from '../../generator/nodes/node-files.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { SHARED, readConfig, readDirectory } from './read-node.ts';
import { judgeReplaced } from './replaced-policy.ts';
import { RootedFiles } from './rooted-files.ts';

/**
 * Looks for what the files would break or undo; gives what is to be said of it.
 * @throws UsageError if another file of registries.d has a scope of theirs, or if the policy would
 * let through more than the one that it replaces, unless `--force` is given.
 */
export async function inspectOut(
  root: string,
  files: readonly NodeFile[],
  policy: Policy,
  settings: Settings,
): Promise<readonly string[]> {
  const ours = files.find(isPolicy);
  if (!ours) return [];
  const tree = new RootedFiles(root);
  const found = await readConfig(tree, dirname(ours.path));
  const own = found.registries.kind === 'directory' ? found.registries.files : [];
  const names = new Set(signedScopes(policy).map(({ name }) => name));
  const placed = files.filter(({ path }) => dirname(path) === found.registriesPath);
  const paths = new Set(placed.map(({ path }) => path));
  const shared = settings.rootless ? [] : await readShared(tree);
  const hiding = new Set([...own, ...placed].map(({ path }) => basename(path)));
  const others = [...own, ...shared.filter(({ path }) => !hiding.has(basename(path)))];
  const { findings } = collectSections(
    [
      ...placed.map(({ path, bytes }) => ({ path, found: { kind: 'file', bytes } as const })),
      ...others.filter(({ path }) => !paths.has(path)),
    ],
    names,
    settings.clients,
  );
  const double = findings.find(
    ({ code, scope }) =>
      (code === 'duplicate-default' && names.has('')) ||
      (code === 'duplicate-scope' && scope !== undefined && names.has(scope)),
  );
  if (double) {
    const message = `${join(root, double.path)}: ${double.message}, so nodes would fail every pull`;
    const hint = `remove it from ${basename(double.path)}; if an earlier run wrote that file, delete it or give its --name`;
    throw new UsageError(message, hint);
  }
  if (settings.merge !== undefined || found.policy.found.kind !== 'file') return [];
  const { bytes } = found.policy.found;
  if (Buffer.from(ours.bytes).equals(bytes)) return [];
  return judgeReplaced(root, { path: ours.path, bytes }, policy, settings);
}

/** What clients from containers/image 5.40 on read together with the system's own. */
async function readShared(tree: RootedFiles): Promise<readonly FoundFile[]> {
  const read = listDropIns(SHARED, 'root').map(async (path) => readDirectory(tree, path));
  const merged = mergeDirectories(await Promise.all(read));
  return merged.kind === 'directory' ? merged.files : [];
}
