import assert from 'node:assert/strict';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { runLookaside } from '../program/lookaside.ts';
import type { RunResult } from '../process/run.ts';

/** Arguments for two scopes with keys of the example repository. */
export const SCOPES: readonly string[] = [
  '--scope=quay.io/team=signatures/keys/release.asc',
  '--scope=*.example.org=signatures/keys/security.asc',
];

/** Runs `lookaside node-config` for one target. */
export function runNodeConfig(
  target: string,
  out: string,
  args: readonly string[] = SCOPES,
): Promise<RunResult> {
  const where = ['--url', 'https://signatures.example.com', '--target', target, '--out', out];
  return runLookaside(['node-config', '--default', 'reject', ...where, ...args]);
}

/** Writes a target into a directory; returns its files. Throws where the program fails. */
export async function writeTarget(
  target: string,
  out: string,
  args?: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { code, stderr } = await runNodeConfig(target, out, args);
  assert.equal(code, 0, stderr);
  return readTree(out);
}

/** The files below a directory, by relative path. */
export async function readTree(directory: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const path of await listTree(directory)) {
    const stats = await lstat(join(directory, path));
    if (stats.isFile()) files.set(path, await readFile(join(directory, path), 'latin1'));
  }
  return files;
}

/** All that is below a directory, with type, mode, owner and content. */
export async function takeSnapshot(directory: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const path of await listTree(directory)) {
    const stats = await lstat(join(directory, path));
    const attributes = `${stats.mode.toString(8)} ${stats.uid}:${stats.gid}`;
    let content = '';
    if (stats.isFile()) content = await readFile(join(directory, path), 'latin1');
    if (stats.isSymbolicLink()) content = await readlink(join(directory, path));
    lines.push(`${path} ${attributes} ${content}`);
  }
  return lines;
}

/** The relative paths of all that is below a directory; links are not followed. */
async function listTree(directory: string, below = ''): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const entry of await readdir(join(directory, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    paths.push(path);
    if (entry.isDirectory()) paths.push(...(await listTree(directory, path)));
  }
  return paths.toSorted();
}
