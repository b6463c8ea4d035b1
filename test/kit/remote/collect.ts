import assert from 'node:assert/strict';
import type { Entry, FileEntry, Pass } from '../../../generator/sources/source.ts';

/** Every entry as `kind path`, sorted. */
export async function listEntries(entries: AsyncIterable<Entry>): Promise<readonly string[]> {
  return (await collect(entries)).map(({ kind, path }) => `${kind} ${path}`).toSorted();
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** The file at a path, which must be there. */
export async function fileAt(snapshot: Pass, path: string): Promise<FileEntry> {
  const entry = (await collect(snapshot.entries())).find((one) => one.path === path);
  assert.equal(entry?.kind, 'file');
  return entry;
}
