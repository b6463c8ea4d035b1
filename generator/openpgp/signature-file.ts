// What nodes read before any cryptography: the size and the first bytes
// (containers/image internal/signature/signature.go, FromBlob). A file that fails here
// and were served would fail every pull of its image, whatever the node's policy.
import { type Rejection, reject } from '../terms/rejection.ts';
import { type Member, isJson, membersOf } from '../terms/strict-json.ts';
import { explainForeignSignature } from './foreign/foreign-signature-file.ts';
import { describeChangedBytes } from './packets/changed-bytes.ts';
import { ENCRYPTED_TAGS, readTag } from './packets/packets.ts';

/** The most bytes that nodes read of a signature (iolimits.MaxSignatureBodySize). */
export const MAX_BLOB_BYTES = 4 * 1024 * 1024;

/** A file's content whose form nodes accept; nothing in it is verified. */
export interface SignatureFile {
  /** The OpenPGP message: binary, or armored text where a frame lets that through. */
  readonly untrustedMessage: Uint8Array;
}

/** Tab, line feed, carriage return and space. */
const WHITE_SPACE: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d, 0x20]);
const LOST = 'The signature is lost: copy the file again in binary mode, or sign the image again.';
const FRAME = 0x00;
const EQUALS_SIGN = 0x3d;
const NEWLINE = 0x0a;

/**
 * First bytes that nodes take for OpenPGP: a compressed, one-pass signature or signature
 * packet in old or new framing; 0x3d is there because the clients have it.
 */
const OPENPGP_FIRST_BYTES: ReadonlySet<number> = new Set([
  0xa0, 0xa1, 0xa2, 0xa3, 0xc8, 0x90, 0x91, 0x92, 0xc4, 0x88, 0x89, 0x8a, 0x8b, 0xc2, 0x3d,
]);

/** Checks the size of a file, before its bytes are read. */
export function checkBlobSize(bytes: number): Rejection | undefined {
  if (bytes === 0) return breaking('empty', 'expected an OpenPGP message, got 0 bytes');
  if (bytes > MAX_BLOB_BYTES) {
    return breaking('too-large', `expected at most ${MAX_BLOB_BYTES} bytes, got ${bytes}`);
  }
  return undefined;
}

/** Checks the form of a file's content and takes off the frame, if there is one. */
export function parseSignatureFile(bytes: Uint8Array): SignatureFile | Rejection {
  const sizeFault = checkBlobSize(bytes.length);
  if (sizeFault) return sizeFault;
  const [first = FRAME] = bytes;
  if (first === FRAME) return parseFrame(bytes);
  // Nodes skip such a file: no packet begins so.
  const foreign = first === EQUALS_SIGN ? explainForeignSignature(bytes, false) : undefined;
  if (foreign) return foreign;
  return OPENPGP_FIRST_BYTES.has(first)
    ? { untrustedMessage: bytes }
    : unknownFirstByte(bytes, first);
}

/** `\0FORMAT\nDATA`, with FORMAT in printable ASCII. */
function parseFrame(bytes: Uint8Array): SignatureFile | Rejection {
  const newline = bytes.indexOf(NEWLINE);
  if (newline < 0) return brokenFrame(bytes, 'expected a newline after the format name');
  const name = bytes.subarray(1, newline);
  if (name.some((byte) => byte < 0x20 || byte > 0x7e)) {
    return brokenFrame(bytes, 'expected a format name in printable ASCII');
  }
  const format = Buffer.from(name).toString('latin1');
  const data = bytes.subarray(newline + 1);
  switch (format) {
    case 'simple-signing':
      return { untrustedMessage: data };
    case 'sigstore-json':
      return reject('sigstore', 'expected simple-signing, got sigstore-json', {
        breaksPulls: !isSigstoreJson(data),
      });
    default:
      return breaking('unknown-format', `expected simple-signing, got ${JSON.stringify(format)}`);
  }
}

/** Another format may begin with the same byte. */
function brokenFrame(bytes: Uint8Array, message: string): Rejection {
  return explainForeignSignature(bytes, true) ?? breaking('unknown-format', message);
}

function unknownFirstByte(bytes: Uint8Array, first: number): Rejection {
  const known =
    describeChangedBytes('unknown-format', bytes, MAX_BLOB_BYTES) ??
    explainForeignSignature(bytes, true);
  if (known) return { ...known, breaksPulls: true };
  if (first >= 0x80 && ENCRYPTED_TAGS.has(readTag(first))) {
    return breaking('encrypted', 'expected a signed OpenPGP message, got an encrypted one');
  }
  if (bytes.every((byte) => WHITE_SPACE.has(byte))) {
    const message = 'expected an OpenPGP message, got nothing but white space';
    return reject('unknown-format', message, { breaksPulls: true, hint: LOST });
  }
  const got = `0x${first.toString(16).padStart(2, '0')}`;
  return breaking('unknown-format', `expected an OpenPGP message, got one that starts with ${got}`);
}

function breaking(code: Rejection['code'], message: string): Rejection {
  return reject(code, message, { breaksPulls: true });
}

/** Bytes of a JSON text: base64, or a list of numbers. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const BYTES = /^\[\s*(?:(?:null|[0-9]{1,3})(?:\s*,\s*(?:null|[0-9]{1,3}))*)?\s*\]$/;
const MAX_BYTE = 255;

/**
 * Whether nodes can decode what stands behind `sigstore-json` in a frame: if not, every pull of the
 * image fails. They read {mimeType, payload, annotations} with Go's encoding/json, which takes member
 * names in any case, null for anything, and an array of numbers for bytes (containers/image
 * internal/signature/sigstore.go).
 */
function isSigstoreJson(data: Uint8Array): boolean {
  const text = Buffer.from(data).toString();
  if (!isJson(text)) return false;
  const members = membersOf(text);
  return members ? members.every(isSigstoreMember) : text.trim() === 'null';
}

function isSigstoreMember({ name, json }: Member): boolean {
  switch (foldCase(name)) {
    case 'mimetype':
      return isStringOrNull(json);
    case 'payload':
      return isBytesOrNull(json);
    case 'annotations': {
      const annotations = membersOf(json);
      return (
        json === 'null' || (annotations?.every((member) => isStringOrNull(member.json)) ?? false)
      );
    }
    default:
      return true;
  }
}

/** Both ways: a few letters beyond ASCII are the other case of an ASCII letter. */
function foldCase(name: string): string {
  return name.toUpperCase().toLowerCase();
}

function isStringOrNull(json: string): boolean {
  return json === 'null' || json.startsWith('"');
}

function isBytesOrNull(json: string): boolean {
  if (json === 'null') return true;
  if (BYTES.test(json))
    return (json.match(/[0-9]+/g) ?? []).every((byte) => Number(byte) <= MAX_BYTE);
  const value: unknown = JSON.parse(json);
  return typeof value === 'string' && BASE64.test(value.replaceAll(/[\r\n]/g, ''));
}
