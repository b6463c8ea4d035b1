// Members of policy.json as Go's encoding/json reads them into the types that nodes have.
import { z } from 'zod';

/** Nothing is as good as an empty string. */
export const goString = z
  .string()
  .nullable()
  .transform((text) => text ?? '');

export const goStrings = z.array(goString);

const byteList = z.array(z.int().min(0).max(0xff).nullable());

/** Bytes, of which there may be none: in base64 or, by a whim of encoding/json, as numbers. */
export const goBytes = z.unknown().transform((value, context): Uint8Array => {
  const bytes = typeof value === 'string' ? decodeBase64(value) : readByteList(value);
  if (bytes) return bytes;
  context.addIssue('expected padded base64 without spaces');
  return z.NEVER;
});

/** Line breaks are passed over wherever they are (base64.StdEncoding), and nothing else. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decodeBase64(text: string): Uint8Array | undefined {
  const packed = text.replaceAll(/[\r\n]/g, '');
  return BASE64.test(packed) ? Buffer.from(packed, 'base64') : undefined;
}

function readByteList(value: unknown): Uint8Array | undefined {
  const { data } = byteList.safeParse(value);
  return data && Uint8Array.from(data, (byte) => byte ?? 0);
}
