// `lookaside mirror-images --images-from REPOSITORY --images-to REPOSITORY --to REPO`: a vendor's images are copied
// here, if the vendor has signed them, and signed under the names that they have here.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Gpg } from '../../signing/sign/gpg.ts';
import { assertFormat } from '../base/assert-format.ts';
import type { Settings } from '../base/options.ts';
import { type ProcessIo, write } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { withTemporaryState } from '../inputs/open-source.ts';
import { tellRefused } from '../inputs/tell-refused.ts';
import { toTargetSettings } from '../promote/promote-run.ts';
import { checkAuthfile } from '../registry/check-authfile.ts';
import type { PlatformOptions } from '../registry/read-platforms.ts';
import { openDestination } from '../sign/open-destination.ts';
import { tellCompanions } from '../sign/resolve-images.ts';
import type { SigningRun } from '../sign/sign-images.ts';
import { readPassphrase, withTerminal } from '../sign/unlock.ts';
import { MirrorCopies } from './copy-images.ts';
import { exitCodeOfImages, formatMirroredImages } from './format-mirrored-images.ts';
import { ListVerifier } from './list-verifier.ts';
import { ImageMirror } from './image-mirror.ts';
import { type Plan, planImages } from './plan-images.ts';
import { type ImageSource, readSources } from './read-sources.ts';

/** What a run works with. */
interface MirrorRun {
  readonly sources: readonly ImageSource[];
  readonly settings: Settings;
  readonly io: ProcessIo;
  readonly passphrase: Uint8Array | undefined;
  /** For what is temporary. */
  readonly directory: string;
  readonly ending: AbortSignal;
}

/** Settles with the exit code: 1 where an image is missing or refused, 2 where one failed. */
export async function mirrorImages(settings: Settings, io: ProcessIo): Promise<number> {
  assertFormat('mirror-images', settings);
  assertUsable(settings);
  const sources = await readSources(settings);
  if (settings.authfile !== undefined) await checkAuthfile(settings.authfile);
  const passphrase = await readPassphrase(settings['passphrase-file']);
  return tellRefused(io, async () =>
    withTemporaryState(io.signals, async (directory, ending) =>
      mirror({ sources, settings, io, passphrase, directory, ending }),
    ),
  );
}

/** @throws UsageError for what lacks */
function assertUsable({ to, 'sign-by': key }: Settings): void {
  if (to === undefined) {
    const hint = 'name the signature repository, for example --to git@HOST:ORG/signatures.git';
    throw new UsageError('mirror-images needs --to', hint);
  }
  if (key !== undefined) return;
  const hint = 'give --sign-by KEY, one of `gpg --list-secret-keys`';
  throw new UsageError('mirror-images needs a key to sign with', hint);
}

async function mirror(run: MirrorRun): Promise<number> {
  const { sources, settings, io, passphrase, directory, ending } = run;
  const environment = await withTerminal(io);
  const gpg = new Gpg({ program: settings.gpg, environment, passphrase, ending });
  const key = await gpg.findKey(settings['sign-by'] ?? '');
  const registry: PlatformOptions = {
    wanted: [],
    authfile: settings.authfile,
    environment: io.environment,
    instead: undefined,
    ending,
  };
  const place = join(directory, 'target');
  await mkdir(place);
  // --keys and --policy are about upstream.
  const target = toTargetSettings(settings);
  const opened = await openDestination(target, io, { directory: place, ending, gpg, key });
  const lists = new ListVerifier({ settings, io, directory, ending });
  try {
    const signing: SigningRun = { settings: target, io, gpg, key, registry, ...opened };
    const options = { registry, jobs: settings.jobs };
    const plan = await planImages(sources, options);
    tellCompanions(plan.images, io);
    const copies = await MirrorCopies.open({ ...options, io, directory, lists });
    return await mirrorPlanned(plan, copies, signing);
  } finally {
    await Promise.all([opened.destination.close(), lists.close()]);
  }
}

async function mirrorPlanned(
  { images, obstacles }: Plan,
  copies: MirrorCopies,
  signing: SigningRun,
): Promise<number> {
  const { settings, io, key, destination, giver } = signing;
  const statements = images.flatMap((image) => image.statements);
  const made = await destination.findMade(statements, key.fingerprint);
  const result = await new ImageMirror(signing, copies, made).run(images);
  const about = { key, to: destination.name, giver, isDryRun: settings['dry-run'] };
  const report = { ...about, ...result, obstacles };
  await write(io.stdout, formatMirroredImages(report, settings.format === 'json', io));
  const unserved = result.signed.find(({ served }) => served instanceof Error);
  if (result.failure !== undefined) throw result.failure;
  if (unserved) throw unserved.served;
  return exitCodeOfImages(report);
}
