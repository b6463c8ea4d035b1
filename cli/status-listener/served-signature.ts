// A signature as answers of the status listener tell of it.
import { z } from 'zod';

const text = z.string();

export const servedSignature = z.object({
  servedAs: text,
  identity: text,
  signer: text.nullable(),
  signingKey: text.nullable(),
  userIds: z.array(text),
  signedAt: text,
  fault: text.nullable(),
  warnings: z.array(z.object({ code: text, message: text })),
});
