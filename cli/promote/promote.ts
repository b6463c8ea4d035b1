// `lookaside promote IMAGE… --from SOURCE --to REPO`: images that the right people have signed at one stage are
// signed for the next one, and copied there if that is wanted. What a server or a repository says counts for
// nothing: signatures of the stage are verified here, and digests are asked of its registry.
import { formatReference } from '../../generator/policy/signed-identity.ts';
import { type Stage, StoredStage } from '../../signing/stage/stage.ts';
import { assertFormat } from '../base/assert-format.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { MissingImageError, RefusedImageError, UsageError, tellEach } from '../base/usage-error.ts';
import { NoRulesError } from '../inputs/open-target.ts';
import { withTemporaryState } from '../inputs/open-source.ts';
import { tellRefused } from '../inputs/tell-refused.ts';
import { checkAuthfile } from '../registry/check-authfile.ts';
import type { PlatformOptions } from '../registry/read-platforms.ts';
import { resolveImages } from '../sign/resolve-images.ts';
import { type AssessedImage, type ResolvedPromotion, assessImages } from './assess-images.ts';
import { listQueue } from './list-queue.ts';
import { openStage, readPlace } from './open-stage.ts';
import { promoteImages } from './promote-images.ts';
import type { PromoteRun } from './promote-run.ts';
import {
  type NamedPromotion,
  type Selection,
  readSelection,
  toPromotions,
} from './read-promotions.ts';
import { readDemands } from './read-signers.ts';

const INIT = 'make one with `lookaside init --stages`, and push it';

/** Settles with the exit code: 1 where an image lacks a signer, or something would be refused. */
export async function promote(
  names: readonly string[],
  settings: Settings,
  io: ProcessIo,
): Promise<number> {
  assertFormat('promote', settings);
  const place = readPlace(settings);
  const selection = await readSelection(names, settings);
  assertUsable(settings, selection);
  if (settings.authfile !== undefined) await checkAuthfile(settings.authfile);
  return tellRefused(io, async () =>
    withTemporaryState(io.signals, async (directory, ending) => {
      const stage = await openStage(place, settings, io, directory, ending);
      const registry: PlatformOptions = {
        wanted: [],
        authfile: settings.authfile,
        environment: io.environment,
        instead: undefined,
        ending,
      };
      try {
        const demands = await readDemands(settings, stage.policy);
        const run = { selection, settings, io, stage, demands, registry, directory, ending };
        return settings.list
          ? await listQueue(await find(run), run)
          : await promoteImages(async () => find(run), run);
      } catch (error) {
        if (error instanceof AggregateError) return tellEach(error, io.stderr);
        // --keys are those of the stage that images come from.
        throw error instanceof NoRulesError ? new UsageError(error.message, INIT) : error;
      } finally {
        await stage.close();
      }
    }),
  );
}

/** @throws UsageError for what lacks, or has no effect */
function assertUsable(settings: Settings, { patterns }: Selection): void {
  const { to, server, list, copy, 'sign-by': key } = settings;
  if (to === undefined) {
    const hint =
      'name the signature repository of the next stage, for example --to git@HOST:ORG/signatures.git';
    throw new UsageError('promote needs --to', hint);
  }
  if (server !== undefined && patterns.length > 0) {
    const hint = 'name the images, or read the signature repository with --from SOURCE';
    throw new UsageError('a store does not say which images are signed there', hint);
  }
  if (list) {
    const idle = copy ? '--copy' : settings['dry-run'] ? '--dry-run' : undefined;
    if (idle === undefined) return;
    throw new UsageError(`--list and ${idle} exclude each other`, 'leave one of them out');
  }
  if (key !== undefined) return;
  const hint = 'give --sign-by KEY, one of `gpg --list-secret-keys`';
  throw new UsageError('promote needs a key to sign with', hint);
}

/** What was selected, and what the stage says of it. */
async function find(run: PromoteRun): Promise<readonly AssessedImage[]> {
  const { selection, settings, io, stage, demands, registry } = run;
  const isByPattern = selection.patterns.length > 0;
  const all: Stage | undefined = isByPattern ? await stage.read(undefined) : undefined;
  const known = all instanceof StoredStage ? all.listImages() : [];
  const named = toPromotions(selection, known, settings);
  const images: readonly ResolvedPromotion[] = await resolveImages(
    named,
    registry,
    (image, error) => passOver(image, error, io),
  );
  if (!settings.list) assertOneOfEach(images);
  const digests = images.flatMap(({ statements }) => statements.map(({ digestHex }) => digestHex));
  return assessImages(images, all ?? (await stage.read(new Set(digests))), demands);
}

/** @throws UsageError where different images would have one name in the next stage, by `--map` or by their digests */
function assertOneOfEach(images: readonly ResolvedPromotion[]): void {
  const known = new Map<string, ResolvedPromotion>();
  for (const image of images) {
    const target = formatReference(image.target);
    const other = known.get(target);
    if (other && other.digestHex !== image.digestHex) {
      const message = `${other.name} and ${image.name} are different images, and both would be ${target}`;
      throw new UsageError(
        message,
        'promote them one by one, or give each a name of its own with --map',
      );
    }
    known.set(target, image);
  }
}

/** Old images leave registries, and their signatures stay; of a tag that was moved, nodes may refuse what it names now. */
function passOver(
  { name, pattern }: NamedPromotion,
  error: unknown,
  { stderr }: ProcessIo,
): boolean {
  if (pattern === undefined) return false;
  if (error instanceof MissingImageError) {
    stderr.write(`lookaside: note: ${name} is signed, and its registry does not have it\n`);
  } else if (error instanceof RefusedImageError) {
    stderr.write(`lookaside: note: ${name} is left out: ${error.message}\n`);
  } else return false;
  return true;
}
