import pLimit from 'p-limit';
import { pMapIterable } from 'p-map';
import { explainForeignSignature, explainLink } from '../openpgp/foreign/foreign-signature-file.ts';
import { checkBlobSize, parseSignatureFile } from '../openpgp/signature-file.ts';
import { DEFAULT_BUDGETS } from '../terms/budgets.ts';
import type { CheckedFile } from './checked-file.ts';
import type { Judge } from './judge.ts';
import type { Effort } from '../openpgp/open-message.ts';
import { findReleaseArea } from '../release/release-area.ts';
import { type PathClass, type RejectedPath, classifyPath, shortenPath } from '../terms/location.ts';
import { parseReleaseDirectory, parseReleaseLocation } from '../terms/release-location.ts';
import { REJECTIONS, type Rejection, isRejection, reject } from '../terms/rejection.ts';
import type { Entry, FileEntry, LinkEntry, Pass } from '../sources/source.ts';
import { withoutBackticks } from '../terms/text.ts';

/** Files checked at once: enough that a source can be asked for many together. */
const CONCURRENCY = 256;
/** Files larger than signatures usually are; fewer of these are in memory at once. Bytes. */
const LARGE = 16 * 1024;
const LARGE_AT_ONCE = 32;
/** No file system takes a longer target of a link. Bytes. */
const MAX_TARGET_BYTES = 4096;

/**
 * Checks the entries of a snapshot: place, size, bytes, verdict as of `now`. Default: any effort.
 */
export function checkEntries(
  snapshot: Pick<Pass, 'read'>,
  entries: AsyncIterable<Entry>,
  judge: Judge,
  now: Date,
  effort?: Effort,
): AsyncIterable<CheckedFile> {
  const limit = pLimit(LARGE_AT_ONCE);
  const check = async (entry: Entry): Promise<CheckedFile> =>
    entry.kind === 'file' && entry.size > LARGE
      ? limit(async () => checkEntry(snapshot, entry, judge, now, effort))
      : checkEntry(snapshot, entry, judge, now, effort);
  return pMapIterable(entries, check, {
    concurrency: CONCURRENCY,
    backpressure: 2 * CONCURRENCY,
  });
}

async function checkEntry(
  snapshot: Pick<Pass, 'read'>,
  entry: Entry,
  judge: Judge,
  now: Date,
  effort: Effort | undefined,
): Promise<CheckedFile> {
  const { paths = DEFAULT_BUDGETS } = judge;
  const place = findPathClass(entry.path, judge);
  const path = place.kind === 'ignored' ? entry.path : shortenPath(entry.path, paths);
  const directory = place.kind === 'location' ? place.location.directory : undefined;
  if (entry.kind === 'removed') return { kind: 'removed', path, directory };
  if (entry.kind !== 'file') {
    // A link or submodule may also stand where a digest directory should.
    const isMeant =
      place.kind !== 'ignored' || classifyPath(`${entry.path}/-`, paths).kind !== 'ignored';
    if (!isMeant) return { kind: 'ignored', path, directory, entry };
    const annexed = entry.kind === 'symlink' ? await findAnnexed(snapshot, entry) : undefined;
    const rejection = annexed ?? reject(entry.kind, NOT_A_FILE[entry.kind]);
    return { kind: 'rejected', path, directory, entry, rejection };
  }
  switch (place.kind) {
    case 'ignored':
      return { kind: 'ignored', path, directory, entry };
    case 'rejected': {
      const rejection = await withSuggestion(snapshot, entry, place, judge, now, effort);
      return { kind: 'rejected', path, directory, entry, rejection };
    }
    case 'location': {
      const { location } = place;
      const bytes = checkBlobSize(entry.size) ?? (await snapshot.read(entry));
      if (isRejection(bytes)) return { kind: 'rejected', path, directory, entry, rejection: bytes };
      const signature = await judge.judge(location, bytes, now, effort);
      return isRejection(signature)
        ? { kind: 'rejected', path, directory, entry, rejection: signature }
        : {
            kind: 'publishable',
            path,
            directory: location.directory,
            number: location.number,
            signature,
          };
    }
  }
}

/** What of a judge says what a path is. */
export type PathRules = Pick<Judge, 'paths' | 'releases'>;

/** What a path is: in a release area, signatures lie in `sha256=HEX` directories too. */
export function findPathClass(
  path: string,
  { paths = DEFAULT_BUDGETS, releases = [] }: PathRules,
): PathClass {
  const place = classifyPath(path, paths);
  if (releases.length === 0 || place.kind !== 'rejected') return place;
  if (place.rejection.code !== 'misplaced' || !findReleaseArea(releases, path)) return place;
  const location = parseReleaseLocation(path);
  if (location) return { kind: 'location', location };
  const isNumbered = parseReleaseDirectory(place.parents) !== undefined;
  const rejection = isNumbered
    ? reject('invalid-number', 'expected signature-N with N = 1, 2, …')
    : reject('misplaced', 'expected a `sha256=HEX` or `repo@sha256=HEX` directory around it');
  return { ...place, rejection };
}

/** The fault of a link by which git-annex stands for a file; undefined for any other. */
async function findAnnexed(
  snapshot: Pick<Pass, 'read'>,
  { target }: LinkEntry,
): Promise<Rejection | undefined> {
  if (!target || !(target.size <= MAX_TARGET_BYTES)) return undefined;
  const bytes = target.bytes ?? (await snapshot.read(target));
  return isRejection(bytes) ? undefined : explainLink(bytes);
}

/** A good signature in a wrong place says itself where it belongs. */
async function withSuggestion(
  snapshot: Pick<Pass, 'read'>,
  entry: FileEntry,
  place: RejectedPath,
  judge: Judge,
  now: Date,
  effort: Effort | undefined,
): Promise<Rejection> {
  const { rejection, parents, number } = place;
  const { code, message } = rejection;
  const fault = checkBlobSize(entry.size);
  if (fault) return reject(code, message, { hint: sayNoSignature(code, fault) ?? rejection.hint });
  const bytes = await snapshot.read(entry);
  if (isRejection(bytes)) return rejection;
  if (code === 'stray-file' && BACKUP.test(entry.path)) return reject(code, message, REMOVE_BACKUP);
  const form = parseSignatureFile(bytes);
  const hint = isRejection(form)
    ? sayNoSignature(code, form, bytes)
    : await judge.suggest(parents, number, bytes, now, effort);
  return hint === undefined ? rejection : reject(code, message, { hint });
}

/** How editors, merges and patches name the copies that they leave behind. */
const BACKUP = /(?:~|\.(?:bak|old|orig|rej|save|sw[op]|tmp))$|\/#[^/]*#$/;
const REMOVE_BACKUP = { hint: 'An editor or a merge has left this copy behind: remove it.' };

/** The cure for what lies or is named like a signature, and is none; undefined where it should be one. */
function sayNoSignature(
  code: Rejection['code'],
  { code: form, message }: Rejection,
  bytes?: Uint8Array,
): string | undefined {
  if (code === 'stray-file') {
    return form === 'armored'
      ? DEARMOR
      : `Not a signature (${withoutBackticks(message)}): move it out of the digest directory.`;
  }
  const isForeign = bytes && form !== 'armored' && explainForeignSignature(bytes, true);
  return code === 'misplaced' && isForeign
    ? `Not a signature (${withoutBackticks(message)}): give it a name that does not begin with \`signature-\`.`
    : undefined;
}

const DEARMOR = `${REJECTIONS.armored.cure.slice(0, -1)}, and name it signature-N, with the next free number.`;

const NOT_A_FILE = {
  symlink: 'expected a regular file, got a symbolic link',
  submodule: 'expected a regular file, got a submodule',
  'special-file': 'expected a regular file, got another kind of node',
  'name-not-utf8': 'expected a path in UTF-8',
  unreadable: 'the file cannot be read',
} satisfies Record<Exclude<Entry['kind'], 'file' | 'removed'>, string>;
