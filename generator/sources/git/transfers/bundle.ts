// A file of `git bundle create` as a remote: git fetches from it like from one. But a bundle does not say
// which branch is its default, and its file shows by itself that there is a newer one.
import { open, realpath } from 'node:fs/promises';
import { hasCode, messageOf } from '../../../terms/errors.ts';
import { Debounced, linksTo } from '../../directory/directory-watch.ts';
import { NameWatch } from '../../directory/name-watch.ts';
import { SourceError } from '../../source.ts';
import { nameSome } from '../branch/branch-name.ts';
import { OBJECT_NAME } from './transfer-branch.ts';

/** The first line of what git takes for a bundle (gitformat-bundle(5)). */
const FIRST_LINE = /^# v[23] git bundle\n/;
const FIRST_BYTES = 32;
const HEADS = 'refs/heads/';
/** Where several branches are at HEAD, git takes the first of these. */
const USUAL = ['main', 'master'];

/**
 * Sees that a file is a bundle, as far as its first line tells.
 * @throws SourceError
 */
export async function assertBundle(path: string): Promise<void> {
  const beginning = await readBeginning(path).catch((cause: unknown) => {
    const isMissing = hasCode(cause, 'ENOENT');
    const reason = isMissing ? 'there is no such file' : messageOf(cause);
    throw new SourceError(`cannot read the bundle ${path}: ${reason}`, {
      cause,
      hint: isMissing ? 'check the path' : 'make it readable for the user that runs lookaside',
    });
  });
  if (FIRST_LINE.test(beginning)) return;
  const found = beginning === '' ? 'is empty' : 'is no git bundle';
  throw new SourceError(`${path} ${found}`, {
    hint: 'make one with `git bundle create FILE BRANCH`; write it beside the old one, and rename it when it is whole',
  });
}

async function readBeginning(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(FIRST_BYTES), 0, FIRST_BYTES, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/**
 * The branch that a bundle is of: the one that its HEAD is at, or else the only one. `listed` is what
 * `git ls-remote` prints of it.
 * @throws SourceError where that leaves a choice
 */
export function chooseBundleBranch(listed: string): string {
  const refs = new Map(
    listed.split('\n').flatMap((line) => {
      const [id = '', name] = line.split('\t');
      return name !== undefined && OBJECT_NAME.test(id) ? [[name, id] as const] : [];
    }),
  );
  const head = refs.get('HEAD');
  const branches = [...refs.keys()]
    .filter((name) => name.startsWith(HEADS))
    .map((name) => name.slice(HEADS.length))
    .toSorted();
  const atHead = branches.filter((name) => refs.get(`${HEADS}${name}`) === head);
  const candidates = head === undefined ? branches : atHead;
  const [only, ...others] = candidates;
  const chosen = others.length === 0 ? only : USUAL.find((name) => candidates.includes(name));
  if (chosen !== undefined) return chosen;
  if (branches.length === 0) {
    throw new SourceError('the bundle holds no branch', {
      hint: 'name one when you make it: git bundle create FILE BRANCH',
    });
  }
  throw new SourceError(
    `the bundle does not say which of its branches counts: ${nameSome(branches)}`,
    {
      hint: 'name one with --branch',
    },
  );
}

/** Calls back, debounced, when a bundle is written or replaced. Gives the way to stop. */
export function watchBundle(
  path: string,
  onChange: () => void,
  onError: (error: Error) => void,
): () => Promise<void> {
  const announcement = new Debounced(onChange);
  const watching = startWatching(path, () => announcement.call(), onError);
  watching.catch((error: unknown) =>
    onError(error instanceof Error ? error : new Error(String(error))),
  );
  return async () => {
    announcement.cancel();
    (await watching.catch(() => undefined))?.close();
  };
}

/** From the directories around the file, and around the links on the way to it: it may be another one. */
async function startWatching(
  path: string,
  onEvent: () => void,
  onError: (error: Error) => void,
): Promise<NameWatch> {
  const target = await realpath(path).catch(() => path);
  return new NameWatch([path, target, ...(await linksTo(path))], onEvent, onError);
}
