// RSA signatures over a right digest in wrong dress: what a careless check of the padding lets through.
import { type KeyObject, constants, privateEncrypt } from 'node:crypto';
import { digestOf } from '../key-material.ts';
import { formatInteger } from '../integer.ts';

/** What stands in front of a digest (RFC 9580, section 5.2.2), for the hashes that GnuPG has. */
const DIGEST_INFO: Readonly<Record<number, string>> = {
  2: '3021300906052b0e03021a05000414',
  8: '3031300d060960864801650304020105000420',
  9: '3041300d060960864801650304020205000430',
  10: '3051300d060960864801650304020305000440',
  11: '302d300d06096086480165030402040500041c',
};

export const RSA_FORMS = [
  'as it should be',
  'no parameters',
  'parameters left out of the lengths',
  'no DigestInfo',
  'DigestInfo of another hash',
  'bytes behind the digest',
  'a long length',
  'short padding',
  'padding of zeros',
  'block type 2',
  'block type 0',
  'a first byte of 1',
  'a byte of the padding changed',
] as const;
export type RsaForm = (typeof RSA_FORMS)[number];

/** The number of a signature over `signed`, as it lies in a packet; undefined for unknown hashes. */
export function signRsaForm(
  secret: KeyObject,
  form: RsaForm,
  hash: number,
  signed: Buffer,
): Buffer | undefined {
  const size = (secret.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  const start = DIGEST_INFO[hash];
  if (start === undefined) return undefined;
  const block = toBlock(form, Buffer.from(start, 'hex'), digestOf(hash, signed), size);
  if (block.length !== size) return undefined;
  try {
    const key = { key: secret, padding: constants.RSA_NO_PADDING };
    return formatInteger(privateEncrypt(key, block));
  } catch {
    // The block is a larger number than the modulus.
    return undefined;
  }
}

function toBlock(form: RsaForm, start: Buffer, digest: Buffer, size: number): Buffer {
  const right = Buffer.concat([start, digest]);
  switch (form) {
    case 'no parameters': {
      const nullAt = start.length - 4;
      const less = Buffer.concat([start.subarray(0, nullAt), start.subarray(nullAt + 2), digest]);
      less[1] = (less[1] ?? 0) - 2;
      less[3] = (less[3] ?? 0) - 2;
      return pad(less, size);
    }
    case 'parameters left out of the lengths': {
      const other = Buffer.from(right);
      other[3] = (other[3] ?? 0) - 2;
      return pad(other, size);
    }
    case 'no DigestInfo':
      return pad(digest, size);
    case 'DigestInfo of another hash':
      return pad(Buffer.concat([Buffer.from(DIGEST_INFO[2] ?? '', 'hex'), digest]), size);
    case 'bytes behind the digest':
      return pad(Buffer.concat([right, Buffer.alloc(16)]), size);
    case 'a long length':
      return pad(Buffer.concat([Buffer.from([0x30, 0x81]), right.subarray(1)]), size);
    case 'short padding': {
      const short = pad(right, right.length + 11);
      return Buffer.concat([short, Buffer.alloc(size - short.length, 7)]);
    }
    case 'padding of zeros':
      return pad(right, size, 1, 0);
    case 'block type 2':
      return pad(right, size, 2, 0x55);
    case 'block type 0':
      return pad(right, size, 0, 0xff);
    case 'a first byte of 1':
      return Buffer.from(pad(right, size).with(0, 1));
    case 'a byte of the padding changed':
      return Buffer.from(pad(right, size).with(9, 0xfe));
    case 'as it should be':
      return pad(right, size);
  }
}

function pad(content: Buffer, size: number, type = 1, fill = 0xff): Buffer {
  const padding = Buffer.alloc(Math.max(0, size - content.length - 3), fill);
  return Buffer.concat([Buffer.from([0, type]), padding, Buffer.alloc(1), content]);
}
