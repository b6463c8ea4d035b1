// Refused pulls as they are written into a file, and read again with suspicion.
import { z } from 'zod';
import { parseAnyDirectory } from '../../generator/terms/release-location.ts';
import {
  MAX_CLIENTS,
  MAX_CLIENT_LENGTH,
  MAX_REPOSITORY_LENGTH,
  type SavedPulls,
} from './refused-pull.ts';

/** Changes when older versions of this program could not read what this one writes. */
const VERSION = 1;
/** Pulls that are written at once. */
const PIECE = 200;
/** The longest name of a commit, with SHA-256. */
const MAX_COMMIT_LENGTH = 64;
/** The last moment that a `Date` can hold. */
const MAX_TIME = 8_640_000_000_000_000;

const whole = z.int().nonnegative();
const time = whole.max(MAX_TIME);
const pullFields = {
  directory: z.string().refine(isDirectory),
  count: z.int().positive(),
  firstSeen: time,
  lastSeen: time,
  clients: z.array(z.string().max(MAX_CLIENT_LENGTH)).max(MAX_CLIENTS),
  hasMoreClients: z.boolean(),
};
const pull = z.object(pullFields).refine(isInOrder);
const resolvedPull = z
  .object({
    ...pullFields,
    arrivedAt: time,
    commit: z.string().max(MAX_COMMIT_LENGTH).nullable(),
  })
  .refine(isInOrder);
const savedPulls = z.object({
  version: z.literal(VERSION),
  dropped: whole,
  known: goodOnesOf(pull),
  others: goodOnesOf(pull),
  resolved: goodOnesOf(resolvedPull),
});

/** Why a file is of no use. */
export class SavedPullsError extends Error {
  override readonly name = 'SavedPullsError';
}

/** The text in pieces, as all of it at once would keep lookups waiting. */
export function* formatSavedPulls({ dropped, ...lists }: SavedPulls): Generator<string> {
  yield `{"version":${VERSION},"dropped":${dropped}`;
  for (const [name, pulls] of Object.entries(lists)) {
    yield `,"${name}":[`;
    for (let at = 0; at < pulls.length; at += PIECE) {
      const piece = pulls.slice(at, at + PIECE).map((one) => JSON.stringify(one));
      yield `${at === 0 ? '' : ','}${piece.join(',')}`;
    }
    yield ']';
  }
  yield '}\n';
}

/**
 * The inverse of {@link formatSavedPulls}; a pull that is not well-formed costs only itself.
 * @throws SavedPullsError
 */
export function parseSavedPulls(text: string): SavedPulls {
  let untrusted: unknown;
  try {
    untrusted = JSON.parse(text);
  } catch {
    // What the parser says quotes the file.
    throw new SavedPullsError('it is no JSON');
  }
  const parsed = savedPulls.safeParse(untrusted);
  if (!parsed.success) throw new SavedPullsError('it has another form');
  const { dropped, known, others, resolved } = parsed.data;
  return { dropped, known, others, resolved };
}

function goodOnesOf<Item>(schema: z.ZodType<Item>) {
  return z.array(z.unknown()).transform((items) =>
    items.flatMap((item) => {
      const parsed = schema.safeParse(item);
      return parsed.success ? [parsed.data] : [];
    }),
  );
}

function isDirectory(text: string): boolean {
  const location = parseAnyDirectory(text);
  return location !== undefined && location.repository.length <= MAX_REPOSITORY_LENGTH;
}

function isInOrder(seen: { readonly firstSeen: number; readonly lastSeen: number }): boolean {
  return seen.firstSeen <= seen.lastSeen;
}
