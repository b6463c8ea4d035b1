// What a store served before a change, and no longer does: directory by directory, only where something has
// changed, with pauses, since a commit may change a million directories and lookups do not wait.
import { setImmediate } from 'node:timers/promises';
import type { PublishableFile } from '../../generator/gate/checked-file.ts';
import {
  type HeldSignature,
  type Lack,
  findTaken,
  toHeld,
} from '../../generator/proposal/taken-away.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import type { LossCode } from '../../generator/terms/loss.ts';

/** What directories serve, by their names; those that serve nothing are left out. */
export type HeldDirectories = ReadonlyMap<string, readonly PublishableFile[]>;

/** A signature that was served, and is no longer. */
export interface LostSignature extends HeldSignature {
  readonly path: string;
  readonly directory: string;
  readonly code: Exclude<LossCode, 'key-withdrawn'>;
  /** What nobody else says in the directory. */
  readonly lacks: readonly Lack[];
}

/** What was taken away by a change. */
export interface TakenAway {
  /** Of images that are still there: some of them, those that nobody replaces first. */
  readonly files: readonly LostSignature[];
  /** How many, by code. */
  readonly counts: Readonly<Record<LostSignature['code'], number>>;
  /** Images that are still there, and have lost something. */
  readonly images: number;
  /** Images that have no file any more, what was served of them, and some of that. */
  readonly gone: {
    readonly images: number;
    readonly signatures: number;
    readonly files: readonly LostSignature[];
  };
}

/** Files that are remembered by name. */
export const MOST_REMEMBERED = 1000;
/** Directories between two pauses. */
const AT_ONCE = 1000;

/** What some directories of a store serve. */
export async function holdDirectories(
  store: SignatureStore,
  directories: Iterable<string>,
): Promise<HeldDirectories> {
  const held = new Map<string, readonly PublishableFile[]>();
  let looked = 0;
  for (const directory of directories) {
    if (++looked % AT_ONCE === 0) await setImmediate();
    const files = store.servedFilesIn(directory);
    if (files.length > 0) held.set(directory, files);
  }
  return held;
}

/** All that a store serves. */
export async function holdAll(store: SignatureStore): Promise<HeldDirectories> {
  return holdDirectories(
    store,
    (function* () {
      for (const { directory } of store.signedDirectories()) yield directory;
    })(),
  );
}

/** What of that a store serves no more. */
export async function compareStores(
  held: HeldDirectories,
  store: SignatureStore,
): Promise<TakenAway> {
  const lost: LostSignature[] = [];
  const gone: LostSignature[] = [];
  const counts = { 'signature-removed': 0, 'signature-replaced': 0, 'signature-excluded': 0 };
  let images = 0;
  const whole = { images: 0, signatures: 0 };
  let looked = 0;
  for (const [directory, files] of held) {
    if (++looked % AT_ONCE === 0) await setImmediate();
    const taken = compareDirectory(directory, files, store);
    if (taken.length === 0) continue;
    if (store.filesIn(directory).length === 0) {
      whole.images += 1;
      whole.signatures += taken.length;
      if (gone.length < MOST_REMEMBERED) gone.push(...taken);
      continue;
    }
    images += 1;
    for (const { code } of taken) counts[code] += 1;
    // All at first: the worst are kept.
    lost.push(...taken);
    if (lost.length > 2 * MOST_REMEMBERED) lost.splice(0, Infinity, ...worstOf(lost));
  }
  const files = worstOf(lost);
  return { files, counts, images, gone: { ...whole, files: gone.slice(0, MOST_REMEMBERED) } };
}

/** What one directory has lost. */
function compareDirectory(
  directory: string,
  files: readonly PublishableFile[],
  store: SignatureStore,
): readonly LostSignature[] {
  const now = store.servedFilesIn(directory);
  if (now === files) return [];
  const after = now.map(toHeld);
  return findTaken(files.map(toNamed), after).map(({ held, lacks }) => {
    const { id, signer, identity, path } = held;
    return { id, signer, identity, path, directory, code: codeOf(held, directory, store), lacks };
  });
}

type NamedSignature = HeldSignature & Pick<LostSignature, 'path'>;

function toNamed(file: PublishableFile): NamedSignature {
  return Object.assign(toHeld(file), { path: file.path });
}

function codeOf(
  { id, path }: NamedSignature,
  directory: string,
  store: SignatureStore,
): LostSignature['code'] {
  const present = store.fileAt(directory, path);
  if (!present || present.kind === 'removed') return 'signature-removed';
  const isSame = present.kind === 'publishable' && present.signature.hash === id;
  return isSame ? 'signature-excluded' : 'signature-replaced';
}

/** Those that leave the least behind come first. */
function worstOf(lost: readonly LostSignature[]): readonly LostSignature[] {
  return lost.toSorted((a, b) => b.lacks.length - a.lacks.length).slice(0, MOST_REMEMBERED);
}
