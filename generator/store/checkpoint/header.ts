import { z } from 'zod';

/** Changes whenever records are written in another way, so that no others are read. */
const FORMAT = 4;

const headerSchema = z.strictObject({
  lookasideImage: z.literal(FORMAT),
  tree: z.string().regex(/^[0-9a-f]{40}$/),
});

/** The first block of an image: of which tree it is. */
export function formatHeader(tree: string): Buffer {
  return Buffer.from(JSON.stringify({ lookasideImage: FORMAT, tree }));
}

/** The tree; undefined if the image is not of this form. */
export function parseHeader(block: Buffer): string | undefined {
  try {
    return headerSchema.safeParse(JSON.parse(block.toString())).data?.tree;
  } catch {
    return undefined;
  }
}
