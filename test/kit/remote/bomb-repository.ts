/**
 * What somebody who may push can put into a repository to bring its readers down. Each function
 * adds to a pack and gives what to put into a tree; sizes are parameters, so that tests can take
 * small ones.
 */
import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import { makeLiteralBomb, makeZerosBomb, nest } from '../signer/bombs.ts';
import { toolPath } from '../../with-tools.ts';
import type { ObjectPack, TreeEntry } from './object-pack.ts';

/** A digest that no image has: files below its directory are looked at as signatures. */
export const HOSTILE_DIRECTORY = `app@sha256=${'bad0'.repeat(16)}`;

/** `width` to the power of `depth` paths out of `depth` trees: 10 and 8 make 100,000,000. */
export function multiplyingTree(
  pack: ObjectPack,
  {
    width = 10,
    depth = 8,
    leaf = Buffer.from('leaf'),
  }: { readonly width?: number; readonly depth?: number; readonly leaf?: Uint8Array } = {},
): TreeEntry {
  let node: TreeEntry = pack.blob(leaf);
  for (let level = 0; level < depth; level++) {
    const names = Array.from({ length: width }, (_, index) => `d${index}`);
    const below = node;
    node = pack.tree(new Map(names.map((name) => [name, below])));
  }
  return node;
}

/** A tree in a tree in a tree, so many levels, around `inner`. Names are one letter long. */
export function deepChain(pack: ObjectPack, depth: number, inner: TreeEntry): TreeEntry {
  let node = inner;
  for (let level = 0; level < depth; level++) node = pack.tree(new Map([['d', node]]));
  return node;
}

/** A digest's directory in which a signature lies, under these numbers. */
export function digestDirectory(
  pack: ObjectPack,
  signature: Uint8Array,
  numbers: readonly number[] = [1],
  name = HOSTILE_DIRECTORY,
): TreeEntry {
  const blob = pack.blob(signature);
  const files = new Map(numbers.map((number) => [`signature-${number}`, blob]));
  return pack.tree(new Map([[name, pack.tree(files)]]));
}

/** Thousands of numbers below one digest, all of them the same signature. */
export function crowdedDigest(pack: ObjectPack, signature: Uint8Array, count: number): TreeEntry {
  return digestDirectory(
    pack,
    signature,
    Array.from({ length: count }, (_, index) => index + 1),
  );
}

/** Blobs that take kilobytes on the wire, as deltas, and `blobs` times `bytes` when unpacked. */
export function deltaBomb(
  pack: ObjectPack,
  { blobs = 32, bytes = 64 * 1024 * 1024 } = {},
): TreeEntry {
  const base = Buffer.alloc(Math.min(bytes, 1024 * 1024), 'lookaside');
  const files = Array.from({ length: blobs }, (_, index): [string, TreeEntry] => [
    `signature-${index + 1}`,
    pack.repeated(base, Math.floor(bytes / base.length), Buffer.from(`end ${index}`)),
  ]);
  // Git sends deltas only along with what they stand on.
  const directory = pack.tree(new Map([['base', pack.blob(base)], ...files]));
  return pack.tree(new Map([[HOSTILE_DIRECTORY, directory]]));
}

/** A subject line of so many bytes, in words, without a line break. */
export function hugeSubject(bytes: number): Buffer {
  return Buffer.alloc(bytes, 'word ');
}

/** So many files that are no signatures, all with the same bytes. */
export function ignoredFiles(pack: ObjectPack, count: number): TreeEntry {
  const perDirectory = Math.ceil(Math.sqrt(count));
  const blob = pack.blob(Buffer.from('not a signature\n'));
  const files = Array.from({ length: perDirectory }, (_, index): [string, TreeEntry] => [
    `note-${index}.txt`,
    blob,
  ]);
  const directory = pack.tree(new Map(files));
  const names = Array.from(
    { length: Math.ceil(count / perDirectory) },
    (_, index) => `notes-${index}`,
  );
  return pack.tree(new Map(names.map((name) => [name, directory])));
}

/** Messages that are small as files and huge, or endless work, to whoever unpacks them. */
export const SIGNATURE_BOMBS = {
  zeros: async () => makeZerosBomb(),
  literal: async () => makeLiteralBomb(),
  nested: async () => nest(Buffer.from([0xcb, 0]), 10_000),
  'unknown packet': async () => makeUnknownPacket(4 * 1024 * 1024),
  bzip2: async () => makeBzip2Bomb(256 * 1024 * 1024),
} as const satisfies Record<string, () => Promise<Buffer>>;
export type SignatureBomb = keyof typeof SIGNATURE_BOMBS;

/** A packet of a tag that nobody knows (60, for experiments), and so many zeros. */
function makeUnknownPacket(bytes: number): Buffer {
  return Buffer.concat([unknownHead(bytes), Buffer.alloc(bytes)]);
}

/**
 * The same, compressed by bzip2 into about a kilobyte: gpgv unpacks all of it before it knows that
 * there is nothing in it. Needs the tool `bzip2`.
 */
export async function makeBzip2Bomb(bytes: number): Promise<Buffer> {
  const child = spawn(toolPath('bzip2'), ['-9', '-c'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const zeros = Buffer.alloc(Math.min(bytes, 1024 * 1024));
  const output = buffer(child.stdout);
  child.stdin.write(unknownHead(bytes));
  for (let left = bytes; left > 0; left -= zeros.length) {
    const isTaken = child.stdin.write(zeros.subarray(0, Math.min(left, zeros.length)));
    if (!isTaken) await new Promise((resolve) => child.stdin.once('drain', resolve));
  }
  child.stdin.end();
  // Compressed data of a length that nobody tells, then the algorithm: bzip2.
  return Buffer.concat([Buffer.from([0xa3, 0x03]), await output]);
}

function unknownHead(bytes: number): Buffer {
  const head = Buffer.from([0xfc, 0xff, 0, 0, 0, 0]);
  head.writeUInt32BE(bytes, 2);
  return head;
}

/** Names that forge lines, hide, lead elsewhere, or are no text; links and a submodule too. */
export function hostileNames(pack: ObjectPack, signature: Uint8Array): TreeEntry {
  const blob = pack.blob(signature);
  const digest = pack.tree(new Map([['signature-1', blob]]));
  const submodule: TreeEntry = { mode: '160000', id: 'ab'.repeat(20) };
  const names = [
    'line\nbreak',
    'lock \n/etc/passwd.keep',
    'tab\tand\u001b[31mred\u001b[0m',
    'c1 \u009b31m control',
    'bidi \u202egpj.exe',
    'isolate \u2066x\u2069',
    'zero\u200bwidth',
    String.raw`nul\0escape%00`,
    '..%2f..%2fetc',
    '<script>alert(1)</script>',
    '"quoted"',
    ' ',
    '-option',
    '--upload-pack=touch pwned',
    'n'.repeat(4000),
    '.git',
    '.GIT',
    '.gitmodules',
    '..',
    '.',
  ];
  const entries = new Map<string | Uint8Array, TreeEntry>(names.map((name) => [name, digest]));
  entries.set(Buffer.from([0xff, 0xfe, 0x41]), digest);
  entries.set(Buffer.from([0xc0, 0xaf, 0x2e]), digest);
  entries.set(HOSTILE_DIRECTORY, digest);
  entries.set(`linked@sha256=${'bad1'.repeat(16)}`, pack.link(HOSTILE_DIRECTORY));
  entries.set('outside', pack.link('/etc/passwd'));
  entries.set('up', pack.link('../../../..'));
  entries.set('module', submodule);
  entries.set(`module@sha256=${'bad2'.repeat(16)}`, submodule);
  return pack.tree(entries);
}
