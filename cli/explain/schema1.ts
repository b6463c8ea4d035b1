// Manifests of schema 1 are signed by whoever pushed them, and their digest leaves those signatures
// out (docker/libtrust, ParsePrettySignature).
import { z } from 'zod';

const schema = z.object({
  schemaVersion: z.literal(1),
  signatures: z.tuple([z.object({ protected: z.string() })]).rest(z.unknown()),
});

const protectedSchema = z.object({
  formatLength: z.int().nonnegative(),
  formatTail: z.string(),
});

/** What the digest of a manifest is taken of; `parsed` is what the bytes say. */
export function digestedBytes(bytes: Uint8Array, parsed: unknown): Uint8Array {
  const signed = schema.safeParse(parsed);
  if (!signed.success) return bytes;
  const [{ protected: encoded }] = signed.data.signatures;
  try {
    const text = Buffer.from(encoded, 'base64url').toString();
    const { formatLength, formatTail } = protectedSchema.parse(JSON.parse(text));
    return Buffer.concat([bytes.subarray(0, formatLength), Buffer.from(formatTail, 'base64url')]);
  } catch {
    return bytes;
  }
}
