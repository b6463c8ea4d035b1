import { constants, deflateRawSync } from 'node:zlib';

/** Packet headers: old framing, compressed data of a length that nobody tells; then the algorithm. */
const STORED = [0xa3, 0x00];
const ZIP = [0xa3, 0x01];
const CHUNK = 64 * 1024 * 1024;

/** 4 GiB of zeros below 4 MiB: pieces that end in a full flush can be repeated as they are. */
export function makeZerosBomb(): Buffer {
  return bomb([deflate(Buffer.alloc(CHUNK))], 64);
}

/** As many bytes in a literal packet behind a one-pass signature: a message that is well begun. */
export function makeLiteralBomb(): Buffer {
  const onePass = Buffer.from([0x90, 0x0d, 3, 0, 8, 1, ...Buffer.alloc(8, 0x11), 1]);
  // Pieces of 1 GiB; the first must have the head of the literal in it.
  const head = Buffer.from([0xcb, 0xf0, 0x62, 0, 0, 0, 0, 0, ...Buffer.alloc(2 ** 16 - 6)]);
  const piece = 2 ** 20;
  const pieces = Buffer.concat(
    Array.from({ length: CHUNK / piece }, () =>
      Buffer.concat([Buffer.from([0xf4]), Buffer.alloc(piece)]),
    ),
  );
  return bomb([deflate(Buffer.concat([onePass, head])), deflate(pieces)], 60);
}

/** A message in so many compressed packets, one around the other, that compress nothing. */
export function nest(message: Uint8Array, depth: number): Buffer {
  const heads = Array.from({ length: depth }, () => STORED).flat();
  return Buffer.concat([Buffer.from(heads), message]);
}

/** The same, each of them deflated anew. */
export function nestZipped(message: Uint8Array, depth: number): Buffer {
  let nested = Buffer.from(message);
  for (let level = 0; level < depth; level++) {
    nested = Buffer.concat([Buffer.from(ZIP), deflateRawSync(nested, { level: 0 })]);
  }
  return nested;
}

/** The last part `times` times. */
function bomb(parts: readonly Buffer[], times: number): Buffer {
  const last = parts.at(-1) ?? Buffer.alloc(0);
  const repeated = Array.from({ length: times }, () => last);
  const end = deflateRawSync(Buffer.alloc(0));
  return Buffer.concat([Buffer.from(ZIP), ...parts.slice(0, -1), ...repeated, end]);
}

function deflate(bytes: Uint8Array): Buffer {
  return deflateRawSync(bytes, { level: 9, finishFlush: constants.Z_FULL_FLUSH });
}
