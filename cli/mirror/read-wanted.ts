// Which manifests are to be mirrored: what lists name, what a registry has under the names of images, and what
// nodes have asked a store for in vain.
import pMap from 'p-map';
import { z } from 'zod';
import { formatReference } from '../../generator/policy/signed-identity.ts';
import { readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { formatBytes, listLines, parseUrl } from '../../generator/terms/text.ts';
import {
  MirrorNames,
  type WantedDigest,
  uniqueDigests,
} from '../../signing/mirror/mirror-names.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { askStatusListener } from '../status-listener/ask-status-listener.ts';
import { SERVER_HINT } from '../status-listener/parse-server.ts';
import {
  type PlatformOptions,
  readPlatforms,
  readPlatformsIfCan,
} from '../registry/read-platforms.ts';
import { readImageName, toAsked } from '../sign/read-images.ts';
import { parseDigestList } from './read-digest-list.ts';
import type { WantedRule } from './store-kind.ts';

/** What is to be mirrored, and what is not known of it. */
export interface WantedDigests {
  readonly wanted: readonly WantedDigest[];
  /** Entries that the rule leaves out. */
  readonly leftOut: number;
  /** Entries that name no manifest. */
  readonly passed: number;
  /** Why some images are not known. */
  readonly failures: readonly UsageError[];
}

const NOTHING: WantedDigests = { wanted: [], leftOut: 0, passed: 0, failures: [] };
/** Far more than the pods of a large cluster take. Bytes. */
const MOST_LIST_BYTES = 256 * 1024 * 1024;
const STANDARD_INPUT = '-';
/** A registry answers a few at once. */
const AT_ONCE = 4;
/** Milliseconds. */
const STATUS_PATIENCE = 60_000;
/** The most that a server tells of at once. */
const MOST_REFUSED = 10_000;

/**
 * Reads `--digests`, `--images` and `--from-refused`, each manifest once.
 * @throws UsageError for a list that cannot be used; what the registry says of single images is told in `failures`
 */
export async function readWanted(
  settings: Settings,
  io: ProcessIo,
  registry: PlatformOptions,
  rule: WantedRule,
): Promise<WantedDigests> {
  const names = new MirrorNames(settings.map);
  const { digests, images, 'from-refused': refused } = settings;
  const parts = [
    digests === undefined ? NOTHING : await readDigests(digests, rule, io),
    images === undefined ? NOTHING : await readImages(images, names, rule, io, registry),
    refused === undefined ? NOTHING : await readRefused(refused, names, rule, registry.ending),
  ];
  const sum = (count: (part: WantedDigests) => number): number =>
    parts.reduce((total, part) => total + count(part), 0);
  return {
    wanted: uniqueDigests(parts.flatMap(({ wanted }) => wanted)),
    leftOut: sum(({ leftOut }) => leftOut),
    passed: sum(({ passed }) => passed),
    failures: parts.flatMap(({ failures }) => failures),
  };
}

/**
 * `place` is the file for people.
 * @throws UsageError also for an empty list, as what should have written it may have failed
 */
async function readList(
  option: '--digests' | '--images',
  file: string,
  io: ProcessIo,
): Promise<{ readonly text: string; readonly place: string }> {
  const list = await readText(option, file, io);
  if (listLines(list.text).length > 0) return list;
  const hint = 'look whether what writes it has failed; # begins a comment';
  throw new UsageError(`${option}: ${list.place} names none`, hint);
}

async function readText(
  option: '--digests' | '--images',
  file: string,
  { stdin }: ProcessIo,
): Promise<{ readonly text: string; readonly place: string }> {
  try {
    if (file !== STANDARD_INPUT) {
      return { text: (await readBounded(file, MOST_LIST_BYTES)).toString(), place: file };
    }
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of stdin) {
      const bytes = Buffer.from(piece);
      size += bytes.length;
      if (size > MOST_LIST_BYTES) {
        throw new Error(
          `standard input: expected at most ${formatBytes(MOST_LIST_BYTES)}, got more`,
        );
      }
      pieces.push(bytes);
    }
    return { text: Buffer.concat(pieces).toString(), place: 'standard input' };
  } catch (cause) {
    const hint = 'name a file, or - for standard input';
    throw new UsageError(`${option}: ${messageOf(cause)}`, hint, { cause });
  }
}

async function readDigests(file: string, rule: WantedRule, io: ProcessIo): Promise<WantedDigests> {
  const { text, place } = await readList('--digests', file, io);
  const { listed, passed } = parseDigestList(text, `--digests: ${place}`);
  const wanted = listed.flatMap((one) => rule.fromList(one) ?? []);
  return { wanted, leftOut: listed.length - wanted.length, passed, failures: [] };
}

/** Asks for all platforms. Images that `--map` does not cover are not asked for. */
async function readImages(
  file: string,
  names: MirrorNames,
  rule: WantedRule,
  io: ProcessIo,
  registry: PlatformOptions,
): Promise<WantedDigests> {
  const { text } = await readList('--images', file, io);
  const images = listLines(text).map(({ line }) => readImageName(line));
  const failures: UsageError[] = [];
  const covered = images.flatMap((image) => {
    const name = names.find(image);
    return name ? [{ image, name }] : [];
  });
  const resolve = async ({ image, name }: (typeof covered)[number]) => {
    const { asked } = toAsked(image);
    try {
      const read = asked.digest === undefined ? readPlatforms : readPlatformsIfCan;
      const { list, manifests } = await read(asked, registry);
      const hexes = [
        ...(list === undefined ? [] : [list]),
        ...manifests.map((one) => one.digestHex),
      ];
      return hexes.map((digestHex) => rule.fromName(name, digestHex));
    } catch (error) {
      registry.ending.throwIfAborted();
      if (!(error instanceof UsageError)) throw error;
      const named = formatReference(image);
      const message = error.message.includes(named) ? error.message : `${named}: ${error.message}`;
      failures.push(new UsageError(message, error.hint, { cause: error }));
      return [];
    }
  };
  const wanted = (await pMap(covered, resolve, { concurrency: AT_ONCE })).flat();
  return { wanted, leftOut: images.length - covered.length, passed: 0, failures };
}

const refusedSchema = z.object({
  refused: z.array(
    z.object({
      repository: z.string(),
      prefix: z.string().nullish(),
      digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
    }),
  ),
});

/** What nodes have asked a running server for in vain. */
async function readRefused(
  text: string,
  names: MirrorNames,
  rule: WantedRule,
  ending: AbortSignal,
): Promise<WantedDigests> {
  const url = parseUrl(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== '' || url.username !== '') {
    throw new UsageError(
      `--from-refused: expected the http:// or https:// address of a server, got ${JSON.stringify(text)}`,
      SERVER_HINT,
    );
  }
  if (!names.isRenaming) {
    const message = '--from-refused needs --map: nodes ask for paths, which name no registry';
    throw new UsageError(message, 'give --map UPSTREAM=LOCAL for what is mirrored');
  }
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/refused.json`;
  url.search = `limit=${MOST_REFUSED}`;
  const answer = await askStatusListener(url, ending, STATUS_PATIENCE);
  const refused = refusedSchema.safeParse(
    answer.status === 200 ? parseJson(answer.text) : undefined,
  );
  if (!refused.success) {
    const got = answer.status === 200 ? 'something else' : `status ${answer.status}`;
    const message = `--from-refused: expected the status listener of a lookaside server at ${text}, got ${got}`;
    throw new UsageError(message, SERVER_HINT);
  }
  const all = refused.data.refused.map(({ repository, prefix, digest }) => {
    const digestHex = digest.slice('sha256:'.length);
    // The prefix of a scope stands before the name of the repository.
    const path = prefix ? repository.slice(prefix.length + 1) : repository;
    return names.findServed(path).map((name) => rule.fromName(name, digestHex));
  });
  const leftOut = all.filter(({ length }) => length === 0).length;
  return { ...NOTHING, wanted: all.flat(), leftOut };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
