// `lookaside sign IMAGE…`: from images in a registry to signatures in the signature repository. Whatever
// can fail is tried before anything is signed, and nothing is pushed or written unless all of it is good.
import { Gpg } from '../../signing/sign/gpg.ts';
import { assertFormat } from '../base/assert-format.ts';
import type { Settings } from '../base/options.ts';
import { type ProcessIo, write } from '../base/process-io.ts';
import { UsageError, tellEach } from '../base/usage-error.ts';
import { withTemporaryState } from '../inputs/open-source.ts';
import { readImagesFile } from '../inputs/read-images-file.ts';
import { explainDirectory } from '../inputs/unusable-directory.ts';
import { checkAuthfile } from '../registry/check-authfile.ts';
import type { PlatformOptions } from '../registry/read-platforms.ts';
import { formatSigned, hasRefused } from './format-signed.ts';
import { findOut, openDestination } from './open-destination.ts';
import { type NamedImage, readImages, warnOfDigests } from './read-images.ts';
import { resolveImages, tellCompanions } from './resolve-images.ts';
import { type SigningRun, signImages } from './sign-images.ts';
import { readPassphrase, withTerminal } from './unlock.ts';

/** Settles with the exit code: 1 where a signature or an image would be refused, or a tag moved meanwhile. */
export async function sign(
  names: readonly string[],
  settings: Settings,
  io: ProcessIo,
): Promise<number> {
  const named = readImages(await listNames(names, settings, io), settings.identity);
  const wanted = settings['sign-by'];
  if (wanted === undefined) {
    const hint = 'give --sign-by KEY, one of `gpg --list-secret-keys`';
    throw new UsageError('sign needs a key to sign with', hint);
  }
  assertFormat('sign', settings);
  const out = findOut(settings);
  if (settings.authfile !== undefined) await checkAuthfile(settings.authfile);
  const passphrase = await readPassphrase(settings['passphrase-file']);
  const environment = await withTerminal(io);
  warnOfDigests(named, io);
  return withTemporaryState(io.signals, async (directory, ending) => {
    const gpg = new Gpg({ program: settings.gpg, environment, passphrase, ending });
    const key = await gpg.findKey(wanted);
    const opened = await openDestination(settings, io, { directory, ending, gpg, key });
    const registry: PlatformOptions = {
      wanted: settings.platform,
      authfile: settings.authfile,
      environment: io.environment,
      instead: undefined,
      ending,
    };
    try {
      return await signNamed(named, { settings, io, gpg, key, registry, ...opened });
    } catch (error) {
      if (error instanceof AggregateError) return tellEach(error, io.stderr);
      throw out === undefined ? error : explainDirectory(error, out);
    } finally {
      await opened.destination.close();
    }
  });
}

/** @throws UsageError where there is none. */
async function listNames(
  names: readonly string[],
  { images: file }: Settings,
  { stdin }: ProcessIo,
): Promise<readonly string[]> {
  const all = [...names, ...(file === undefined ? [] : await readImagesFile(file, stdin))];
  if (all.length > 0) return all;
  const message = file === undefined ? 'sign needs an image' : `--images: ${file} names none`;
  throw new UsageError(message, 'name images as nodes pull them, like quay.io/team/app:v1');
}

async function signNamed(named: readonly NamedImage[], run: SigningRun): Promise<number> {
  const { settings, io, key, destination, registry } = run;
  const images = await resolveImages(named, registry);
  tellCompanions(images, io);
  const statements = images.flatMap((image) => image.statements);
  const found = await destination.findMade(statements, key.fingerprint);
  const report = await signImages(images, found, run);
  await write(io.stdout, formatSigned(report, settings.format === 'json', io));
  if (report.served instanceof Error) throw report.served;
  return hasRefused(report) ? 1 : 0;
}
