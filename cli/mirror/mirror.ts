// `lookaside mirror --from URL --to REPO`: the signatures of an upstream store, verified here with its keys, go
// to the signature repository byte for byte. Only what is new is added; nothing is ever removed. With --release the
// same for a store of releases.
import { join } from 'node:path';
import { lockDirectory } from '../../generator/system/directory-lock.ts';
import { PRIVATE_DIRECTORY, makeDirectories } from '../../generator/system/make-directories.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { parseUrl, toLine } from '../../generator/terms/text.ts';
import { MirrorMemory } from '../../signing/mirror/mirror-memory.ts';
import { type MirrorReport, exitCodeOf } from '../../signing/mirror/mirror-report.ts';
import { mirrorSignatures } from '../../signing/mirror/mirror-signatures.ts';
import { Upstream } from '../../signing/mirror/upstream.ts';
import { withoutLogin } from '../../signing/stage/fetch-served.ts';
import { assertFormat } from '../base/assert-format.ts';
import type { Settings } from '../base/options.ts';
import { type ProcessIo, write } from '../base/process-io.ts';
import { UsageError, formatUsageError } from '../base/usage-error.ts';
import { Progress } from '../check/progress.ts';
import { withTemporaryState } from '../inputs/open-source.ts';
import { NoRulesError, type OpenTarget, openTarget } from '../inputs/open-target.ts';
import { STATE_DIRECTORY_HINT, stateFile } from '../inputs/state-file.ts';
import { explainDirectory } from '../inputs/unusable-directory.ts';
import { toTargetSettings } from '../promote/promote-run.ts';
import { handOver, tryHandOver } from '../push/hand-over.ts';
import { checkAuthfile } from '../registry/check-authfile.ts';
import { formatMirrored } from './format-mirrored.ts';
import { readLookasideKind } from './lookaside-kind.ts';
import { type WantedDigests, readWanted } from './read-wanted.ts';
import { readReleaseKind } from './release-kind.ts';
import type { OpenKind, StoreKind } from './store-kind.ts';

/** Manifests whose signatures are pushed together: what a run that is killed loses at most. */
const BATCH = 100;

/** What a run works with. */
interface MirrorRun {
  /** The address of the upstream, without a slash at its end. */
  readonly store: string;
  readonly to: string;
  readonly settings: Settings;
  readonly io: ProcessIo;
  readonly kind: StoreKind;
  readonly directory: string;
  readonly ending: AbortSignal;
}

/** Settles with the exit code: 1 where signatures are missing or refused, 2 where the upstream did not say. */
export async function mirror(settings: Settings, io: ProcessIo): Promise<number> {
  assertFormat('mirror', settings);
  const store = readUpstream(settings);
  const to = readTarget(settings);
  if (settings.authfile !== undefined) await checkAuthfile(settings.authfile);
  const kind = settings.release
    ? await readReleaseKind(settings)
    : await readLookasideKind(settings, io);
  return withTemporaryState(io.signals, async (directory, ending) => {
    const run: MirrorRun = { store, to, settings, io, kind, directory, ending };
    const target = await openMirrorTarget(run);
    try {
      const opened = await kind.open({ target, settings, io, directory });
      try {
        return await mirrorTo(run, target, opened);
      } finally {
        await opened.close();
      }
    } finally {
      await target.close();
    }
  });
}

/** Settles with the exit code. */
async function mirrorTo(run: MirrorRun, target: OpenTarget, opened: OpenKind): Promise<number> {
  const { store, settings, io, kind, ending } = run;
  const { authfile } = settings;
  const { environment } = io;
  const registry = { wanted: [], authfile, environment, instead: undefined, ending };
  const found = await readWanted(settings, io, registry, opened.wanted);
  for (const failure of found.failures) io.stderr.write(formatUsageError(failure));
  const report = await withMemory(run, async (memory) =>
    mirrorFound(run, target, opened, found, memory),
  );
  const result = {
    ...found,
    leftOutAs: kind.leftOutAs,
    report,
    from: withoutLogin(store),
    advice: opened.advise(report.digests),
  };
  await write(io.stdout, formatMirrored(result, settings.format === 'json', io));
  return found.failures.length > 0 ? 2 : exitCodeOf(report);
}

/** @throws UsageError */
function readUpstream({ from }: Settings): string {
  const hint =
    'give --from https://signatures.vendor.example/store, as its nodes have it in registries.d';
  if (from === undefined) throw new UsageError('mirror needs --from: the upstream store', hint);
  const url = parseUrl(from);
  if (url && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') {
    return from.replace(/\/+$/, '');
  }
  const message = `--from: expected the http:// or https:// address of a store, got ${JSON.stringify(from)}`;
  throw new UsageError(message, hint);
}

/** @throws UsageError for what lacks, or cannot be together */
function readTarget({ to, digests, images, 'from-refused': refused }: Settings): string {
  if (to === undefined) {
    const hint = 'name the signature repository, for example --to git@HOST:ORG/signatures.git';
    throw new UsageError('mirror needs --to', hint);
  }
  if (digests === undefined && images === undefined && refused === undefined) {
    const message = 'mirror needs to know which images: a store has no list of them';
    throw new UsageError(message, 'give --digests FILE, --images FILE or --from-refused URL');
  }
  if (digests === '-' && images === '-') {
    const message = '--digests and --images both want standard input';
    throw new UsageError(message, 'write one of them to a file');
  }
  return to;
}

/** Opens what earlier runs have left, and sees that no other run works with it. */
async function withMemory<Result>(
  { store, to, settings, io }: MirrorRun,
  action: (memory: MirrorMemory) => Promise<Result>,
): Promise<Result> {
  const directory = join(settings['state-dir'], 'mirror');
  const tell = (what: string, hint: string) => (error: unknown) => {
    io.stderr.write(`lookaside: warning: ${what}: ${toLine(messageOf(error))}\nhint: ${hint}\n`);
  };
  const path = stateFile(directory, `${withoutLogin(store)} ${to}`, 'json');
  const unreadable = `${path} cannot be used, and all is asked for anew`;
  const options = {
    path,
    onUnreadable: tell(unreadable, 'nothing has to be done: this run writes it again'),
    onUnwritable: tell('the next run will ask for all anew', STATE_DIRECTORY_HINT),
  };
  if (settings['dry-run']) return action(await MirrorMemory.open(options));
  const unlock = await makeDirectories(directory, PRIVATE_DIRECTORY)
    .then(async () => lockDirectory(directory))
    .catch((error: unknown) => {
      throw explainDirectory(error, directory);
    });
  try {
    return await action(await MirrorMemory.open(options));
  } finally {
    await unlock();
  }
}

async function mirrorFound(
  { store, settings, io, ending }: MirrorRun,
  target: OpenTarget,
  { rules }: OpenKind,
  { wanted }: WantedDigests,
  memory: MirrorMemory,
): Promise<MirrorReport> {
  const { jobs } = settings;
  const progress = new Progress({ count: async () => wanted.length }, io, 'manifests');
  const isDryRun = settings['dry-run'];
  try {
    const report = await mirrorSignatures(wanted, {
      repository: target.repository,
      readRule: target.readRule,
      reader: { upstream: new Upstream({ store, jobs, ending }), rules, now: new Date() },
      push: async (candidates) =>
        handOver(candidates, {
          target,
          settings,
          io,
          ending,
          keepsGoing: true,
          // As the upstream has them: with a newer algorithm one may say the same as an older one.
          takesRepeats: true,
          isNamedByBytes: true,
          verb: 'Mirror',
        }),
      memory,
      jobs,
      // A proposal has all of it, and the next run finds it again.
      batch: settings['pull-request'] ? Infinity : BATCH,
      reread: settings.reread,
      isDryRun,
      onRead: () => progress.step(),
    });
    await tryIfDry(report, target, settings);
    return report;
  } finally {
    progress.stop();
  }
}

/** @throws UsageError where the repository does not say whose signatures it takes */
async function openMirrorTarget({
  to,
  settings,
  io,
  kind,
  directory,
  ending,
}: MirrorRun): Promise<OpenTarget> {
  return openTarget(to, toTargetSettings(settings), io, directory, ending).catch(
    (error: unknown) => {
      if (!(error instanceof NoRulesError)) throw error;
      throw new UsageError(error.message, kind.rulesHint);
    },
  );
}

/** In a dry run, sees how far a push would come. */
async function tryIfDry(
  { digests, refused }: MirrorReport,
  target: OpenTarget,
  settings: Settings,
): Promise<void> {
  if (!settings['dry-run'] || refused) return;
  if (!digests.some(({ status }) => status === 'would-be-new')) return;
  const obstacle = await tryHandOver({ target, settings });
  if (obstacle) throw obstacle.error;
}
