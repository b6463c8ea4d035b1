// `lookaside mirror --from URL --to REPO`: the signatures of an upstream store, verified here with its keys, go
// to the signature repository byte for byte. Only what is new is added; nothing is ever removed.
import { join } from 'node:path';
import { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import { canJudge, listKeyFaults } from '../../generator/policy/key-faults.ts';
import { type Policy, findScope } from '../../generator/policy/policy.ts';
import { lockDirectory } from '../../generator/system/directory-lock.ts';
import { PRIVATE_DIRECTORY, makeDirectories } from '../../generator/system/make-directories.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { type ImageDirectory, formatDirectory } from '../../generator/terms/location.ts';
import { parseUrl, toLine } from '../../generator/terms/text.ts';
import { MirrorMemory } from '../../signing/mirror/mirror-memory.ts';
import type { WantedDigest } from '../../signing/mirror/mirror-names.ts';
import { type MirrorReport, exitCodeOf } from '../../signing/mirror/mirror-report.ts';
import { lookasideLayout, mirrorSignatures } from '../../signing/mirror/mirror-signatures.ts';
import { Upstream } from '../../signing/mirror/upstream.ts';
import { withoutLogin } from '../../signing/stage/fetch-served.ts';
import { assertFormat } from '../base/assert-format.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import { type ProcessIo, write } from '../base/process-io.ts';
import { UsageError, formatUsageError } from '../base/usage-error.ts';
import { Progress } from '../check/progress.ts';
import { openEngines, warnOfKeys } from '../inputs/open-engines.ts';
import { withTemporaryState } from '../inputs/open-source.ts';
import { NoRulesError, type OpenTarget, openTarget } from '../inputs/open-target.ts';
import { readPolicy, warnOfKeyFaults } from '../inputs/read-policy.ts';
import { STATE_DIRECTORY_HINT, stateFile } from '../inputs/state-file.ts';
import { explainDirectory } from '../inputs/unusable-directory.ts';
import { toTargetSettings } from '../promote/promote-run.ts';
import { handOver, tryHandOver } from '../push/hand-over.ts';
import { checkAuthfile } from '../registry/check-authfile.ts';
import { adviseTarget } from './advise-target.ts';
import { formatMirrored } from './format-mirrored.ts';
import { type WantedDigests, readWanted } from './read-wanted.ts';

/** Manifests whose signatures are pushed together: what a run that is killed loses at most. */
const BATCH = 100;

/** What a run works with. */
interface MirrorRun {
  /** The address of the upstream, without a slash at its end. */
  readonly store: string;
  readonly to: string;
  readonly settings: Settings;
  readonly io: ProcessIo;
  readonly policy: Policy;
  readonly directory: string;
  readonly ending: AbortSignal;
}

/** Settles with the exit code: 1 where signatures are missing or refused, 2 where the upstream did not say. */
export async function mirror(settings: Settings, io: ProcessIo): Promise<number> {
  assertFormat('mirror', settings);
  const store = readUpstream(settings);
  const to = readTarget(settings);
  if (settings.authfile !== undefined) await checkAuthfile(settings.authfile);
  const policy = await readUpstreamPolicy(settings, io);
  return withTemporaryState(io.signals, async (directory, ending) => {
    const { authfile } = settings;
    const { environment } = io;
    const registry = { wanted: [], authfile, environment, instead: undefined, ending };
    const found = await readWanted(settings, io, registry);
    for (const failure of found.failures) io.stderr.write(formatUsageError(failure));
    const run: MirrorRun = { store, to, settings, io, policy, directory, ending };
    const report = await withMemory(run, async (memory) => mirrorTo(run, found, memory));
    const advice = adviseTarget(report.digests, settings);
    const result = { ...found, report, from: withoutLogin(store), advice };
    await write(io.stdout, formatMirrored(result, settings.format === 'json', io));
    return found.failures.length > 0 ? 2 : exitCodeOf(report);
  });
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

async function readUpstreamPolicy(settings: Settings, { stderr }: ProcessIo): Promise<Policy> {
  const policy = await readPolicy(settings);
  if (!policy.isConfigured) {
    const hint = 'give the public keys of the upstream with --keys';
    throw new UsageError('mirror needs the keys of the upstream: no server is believed', hint);
  }
  const [fault] = canJudge(policy) ? [] : listKeyFaults(policy);
  if (fault) throw new UsageError(fault.message, fault.hint);
  warnOfKeyFaults(policy, stderr);
  return policy;
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

async function mirrorTo(
  run: MirrorRun,
  { wanted }: WantedDigests,
  memory: MirrorMemory,
): Promise<MirrorReport> {
  const { store, settings, io, policy, directory, ending } = run;
  const { jobs } = settings;
  const target = await openMirrorTarget(run);
  const engines = await openEngines(io.environment, directory, toBudgets(settings));
  for (const warning of warnOfKeys(policy, engines)) {
    io.stderr.write(`lookaside: warning: ${warning}\n`);
  }
  const { openMessage } = engines;
  const judge = new PlacingJudge({ policy, openMessage, expiryWarning: 0 });
  const progress = new Progress({ count: async () => wanted.length }, io, 'manifests');
  const isDryRun = settings['dry-run'];
  try {
    const report = await mirrorSignatures(wanted, {
      repository: target.repository,
      readRule: target.readRule,
      reader: { upstream: new Upstream({ store, jobs, ending }), judge, now: new Date() },
      layout: lookasideLayout,
      placeOf: (one) => placeIn(target.policy, one),
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
    await Promise.all([target.close(), engines.close()]);
  }
}

/** @throws UsageError where the repository does not say whose signatures it takes */
async function openMirrorTarget({
  to,
  settings,
  io,
  directory,
  ending,
}: MirrorRun): Promise<OpenTarget> {
  return openTarget(to, toTargetSettings(settings), io, directory, ending).catch(
    (error: unknown) => {
      if (!(error instanceof NoRulesError)) throw error;
      const hint =
        'make one with `lookaside init`, with the keys of the upstream for its images, and push it';
      throw new UsageError(error.message, hint);
    },
  );
}

/** Where nodes look that pull an image by its name here, or through a mirror of that name. */
function placeIn(policy: Policy, { local, digestHex }: WantedDigest): ImageDirectory {
  const prefix = findScope(policy, { ...local, digest: `sha256:${digestHex}` })?.prefix ?? '';
  const repository = prefix === '' ? local.repository : `${prefix}/${local.repository}`;
  return { directory: formatDirectory(repository, digestHex), repository, digestHex };
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
