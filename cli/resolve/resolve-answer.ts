// The form of `resolve.json`, for those who ask another process: every word of it is a stranger's.
import { z } from 'zod';
import type { DescribedReference } from '../../generator/resolve/describe-resolved.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import type { CheckReport } from '../../generator/store/report.ts';
import { servedSignature } from '../status-listener/served-signature.ts';

const text = z.string();
const digest = text.regex(/^sha256:[0-9a-f]{64}$/);

const described = z.object({
  image: text,
  name: text,
  verdict: z.enum(['resolved', 'refused', 'unknown']),
  digest: digest.nullable(),
  reference: text.nullable(),
  scope: text.nullable(),
  by: z.enum(['given', 'only', 'newest', 'list']).nullable(),
  signatures: z.array(servedSignature),
  others: z.array(z.object({ digest, signedAt: text, commit: text.nullable() })),
  platforms: z.array(text),
  reason: z.object({ code: text, message: text, next: text }).nullable(),
  warnings: z.array(
    z.object({
      code: z.enum(['other-tags', 'match-exact', 'unsigned-instances']),
      message: text,
    }),
  ),
}) satisfies z.ZodType<DescribedReference>;

export const generationSchema = z.object({
  number: z.number(),
  commit: text.nullable(),
  loadedAt: text,
});

export const resolvedSchema = described.extend({
  version: z.literal(1),
  generation: generationSchema,
});

/** What is said of images, who says so, and in which state. */
export type ResolveAnswer = { readonly images: readonly DescribedReference[] } & (
  | Pick<CheckReport, 'source'>
  | { readonly server: string; readonly generation: z.output<typeof generationSchema> }
);

/** Asks about images at the place that the command line names; gives answers in their order. */
export type ResolveImages = (images: readonly DockerReference[]) => Promise<ResolveAnswer>;
