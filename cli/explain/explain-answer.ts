// The form of `explain.json`, for those who ask another process: every word of it is a stranger's.
import { z } from 'zod';
import type { ExplainedImage } from '../../generator/explain/explain-image.ts';
import { REJECTIONS, type RejectionCode } from '../../generator/terms/rejection.ts';
import { servedSignature } from '../status-listener/served-signature.ts';

const text = z.string();
const digest = text.regex(/^sha256:[0-9a-f]{64}$/);

const commit = z.object({
  id: text,
  author: z.object({ name: text, email: text }),
  date: text,
  subject: text,
});

const file = z.object({
  path: text,
  code: z.custom<RejectionCode>(
    (code) => typeof code === 'string' && Object.hasOwn(REJECTIONS, code),
  ),
  message: text,
  hint: text,
  commit: commit.nullable(),
});

const signedImage = z.object({
  repository: text,
  digest,
  identity: text,
  signer: text.nullable(),
  signedAt: text,
});

const words = { message: text, next: text };

const reason = z.discriminatedUnion('code', [
  z.object({ code: z.literal('quarantined'), files: z.array(file), ...words }),
  z.object({ code: z.literal('removed'), commit, ...words }),
  z.object({
    code: z.literal(['elsewhere', 'other-digests']),
    images: z.array(signedImage),
    ...words,
  }),
  z.object({ code: z.literal('unknown-repository'), ...words }),
  z.object({
    code: z.literal([
      'no-keys',
      'no-scope',
      'policy-rejects',
      'also-elsewhere',
      'other-name',
      'other-signer',
      'no-longer-good',
      'co-signature-missing',
      'other-store',
      'store-fails',
      'unsigned-elsewhere',
    ]),
    ...words,
  }),
]);

const explainedImage: z.ZodType<ExplainedImage> = z.object({
  image: text,
  digest,
  verdict: z.enum(['accepted', 'refused', 'unknown']),
  scope: text.nullable(),
  directory: text,
  signatures: z.array(servedSignature),
  reason: reason.nullable(),
  note: text.nullable(),
});

export const answerSchema = z.object({
  version: z.literal(1),
  generation: z.object({ number: z.number(), commit: text.nullable(), loadedAt: text }),
  images: z.array(explainedImage),
});
export type ServerAnswer = z.output<typeof answerSchema>;
