// The files of a MachineConfig: those of its Ignition config, of version 2 or 3. Only what decides about
// bytes and modes on a node is read.
import { normalize } from 'node:path/posix';
import { z } from 'zod';
import type { FoundContent } from '../check/node-state.ts';
import { decodeContents } from './data-url.ts';

/** What Ignition lays at a path. */
export interface IgnitionEntry {
  readonly kind: 'file' | 'directory' | 'link';
  /** A data URL; undefined for an empty file, and for what is no file. */
  readonly source: string | undefined;
  readonly compression: string | undefined;
  /** The permission bits; undefined leaves them to what was there before, or to the operator. */
  readonly mode: number | undefined;
  /** Whether bytes are to be appended, at which the operator gives up. */
  readonly appends: boolean;
}

/** By path, without the slash that it begins with. */
export type IgnitionFiles = ReadonlyMap<string, IgnitionEntry>;

const nullable = z.string().nullish();
const node = z.object({ path: z.string().startsWith('/'), mode: z.int().nonnegative().nullish() });
const file = node.extend({
  contents: z.object({ source: nullable, compression: nullable }).nullish(),
  /** A list since version 3. */
  append: z.union([z.boolean(), z.array(z.unknown())]).nullish(),
});

const ignitionConfig = z.object({
  ignition: z.object({ version: z.string().regex(/^[23]\.\d+\.\d+/, 'expected version 2 or 3') }),
  storage: z
    .object({
      files: z.array(file).nullish(),
      directories: z.array(node).nullish(),
      links: z.array(node).nullish(),
    })
    .nullish(),
});

/** The files of a config, or in a word why there is none: what the operator could not read either. */
export function parseIgnition(untrusted: unknown): IgnitionFiles | string {
  // A MachineConfig may be there for kernel arguments alone.
  if (untrusted === undefined || untrusted === null) return new Map();
  const result = ignitionConfig.safeParse(untrusted);
  if (!result.success) {
    const [issue] = result.error.issues;
    return `${['config', ...(issue?.path ?? [])].join('.')}: ${issue?.message}`;
  }
  const { ignition, storage } = result.data;
  const files = new Map<string, IgnitionEntry>();
  for (const { path, mode, contents, append } of storage?.files ?? []) {
    const place = toPlace(path);
    // Of version 2 the operator takes the last one.
    if (files.has(place) && ignition.version.startsWith('3.')) return `${path} is in it twice`;
    files.set(place, {
      kind: 'file',
      source: contents?.source ?? undefined,
      compression: contents?.compression ?? undefined,
      mode: mode ?? undefined,
      appends: append === true || (Array.isArray(append) && append.length > 0),
    });
  }
  const others = { directory: storage?.directories, link: storage?.links } as const;
  for (const kind of ['directory', 'link'] as const) {
    for (const { path } of others[kind] ?? []) {
      const entry = { source: undefined, compression: undefined, mode: undefined, appends: false };
      files.set(toPlace(path), { kind, ...entry });
    }
  }
  return files;
}

function toPlace(path: string): string {
  return normalize(path).replace(/^\/+/, '');
}

/** What of an entry would lie on a node. */
export function readEntry({ kind, source, compression, appends }: IgnitionEntry): FoundContent {
  if (kind === 'directory') return { kind: 'unreadable', reason: 'a directory' };
  if (kind === 'link') return { kind: 'unreadable', reason: 'a symbolic link' };
  if (appends) {
    return {
      kind: 'unreadable',
      reason: 'one to which bytes are appended, which the operator refuses',
    };
  }
  return decodeContents(source, compression);
}
