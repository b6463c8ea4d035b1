// From images that the stage has answered for to pushed signatures: each image is copied first, if that is
// wanted, and only what has arrived is signed.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Gpg } from '../../signing/sign/gpg.ts';
import { type Statement, statementId } from '../../signing/sign/statement.ts';
import type { Settings } from '../base/options.ts';
import { write } from '../base/process-io.ts';
import { type RefusedOutcome, type SignReport, hasRefused } from '../sign/format-signed.ts';
import { openDestination } from '../sign/open-destination.ts';
import { type MadeSignatures, type SigningRun, aboutRun, signImages } from '../sign/sign-images.ts';
import { spreadRefusals, tryKey } from '../sign/try-key.ts';
import { warnOfDigests } from '../sign/read-images.ts';
import { tellCompanions } from '../sign/resolve-images.ts';
import { readPassphrase, withTerminal } from '../sign/unlock.ts';
import { type AssessedImage, refusePart } from './assess-images.ts';
import { ImageCopies } from './copy-images.ts';
import { type PromoteReport, formatPromoted } from './format-promoted.ts';
import { type PromoteRun, toTargetSettings } from './promote-run.ts';
import { willBeAccepted } from './will-be-accepted.ts';

/** Promotes what `find` finds; gives the exit code. */
export async function promoteImages(
  find: () => Promise<readonly AssessedImage[]>,
  run: PromoteRun,
): Promise<number> {
  const { settings, io, registry, directory, ending } = run;
  const passphrase = await readPassphrase(settings['passphrase-file']);
  const environment = await withTerminal(io);
  const gpg = new Gpg({ program: settings.gpg, environment, passphrase, ending });
  const key = await gpg.findKey(settings['sign-by'] ?? '');
  const place = join(directory, 'next');
  await mkdir(place);
  const target = toTargetSettings(settings);
  const opened = await openDestination(target, io, { directory: place, ending, gpg, key });
  try {
    const keepsGoing = settings['keep-going'];
    const signing: SigningRun = { settings: target, io, gpg, key, registry, keepsGoing, ...opened };
    const assessed = await find();
    const images = assessed.map(({ image }) => image);
    warnOfDigests(images, io);
    tellCompanions(images, io);
    const report = await promoteFound(assessed, run, signing);
    await write(io.stdout, formatPromoted(report, settings.format === 'json', io));
    const { signed, failure } = report;
    if (signed.served instanceof Error) throw signed.served;
    if (failure !== undefined) throw failure;
    return hasRefused(signed) ? 1 : 0;
  } finally {
    await opened.destination.close();
  }
}

async function promoteFound(
  images: readonly AssessedImage[],
  run: PromoteRun,
  signing: SigningRun,
): Promise<PromoteReport> {
  const { settings } = run;
  const { destination, key } = signing;
  const statements = images.flatMap(({ image }) => image.statements);
  const made = await destination.findMade(statements, key.fingerprint);
  const faults = new Map(images.map((one) => [one, findFaults(one, made, settings)]));
  const good = images.filter((one) => faults.get(one)?.size === 0);
  const bad = images.filter((one) => faults.get(one)?.size !== 0);
  const leavesOut = settings['keep-going'] && good.length > 0;
  const copies = new ImageCopies({
    ...run,
    policy: run.stage.policy,
    willBeAccepted: async ({ image }) => willBeAccepted(image, signing),
  });
  const refusals = new Map([...faults.values()].flatMap((one) => Array.from(one)));
  if (bad.length > 0 && !leavesOut) {
    return {
      images,
      copies: copies.outcomes,
      signed: describeHeld(images, made, refusals, signing),
      failure: undefined,
    };
  }
  const signed = await signCopied(good, made, copies, run, signing);
  // What is pushed is told whatever comes of the tags.
  const failure = await copies.moveTags(namesOfSigned(good, signed)).then(
    () => undefined,
    (error: unknown) => error,
  );
  const left = describeHeld(bad, made, refusals, signing).signatures;
  const isHeld = hasRefused(signed) && signed.leavesOut !== true;
  const isPart = bad.length > 0 || signed.leavesOut === true;
  const signatures = [...signed.signatures, ...left];
  const whole = { ...signed, signatures, leavesOut: isPart && !isHeld };
  return { images, copies: copies.outcomes, signed: whole, failure };
}

/** The images of which every part is signed on the branch now, and served where that is waited for. */
function namesOfSigned(
  images: readonly AssessedImage[],
  { signatures, delivery, served }: SignReport,
): ReadonlySet<string> {
  if (delivery?.proposal !== undefined || served instanceof Error) return new Set();
  const done = new Set(
    signatures.flatMap(({ statement, outcome: { status } }) =>
      status === 'new' || status === 'there' ? statementId(statement) : [],
    ),
  );
  const whole = images.filter(({ image: { statements } }) =>
    statements.every((one) => done.has(statementId(one))),
  );
  return new Set(whole.map(({ image }) => image.name));
}

/** Why parts of an image may not be promoted, by `statementId`; nothing of what is there already. */
function findFaults(
  image: AssessedImage,
  made: MadeSignatures,
  { copy, again }: Settings,
): ReadonlyMap<string, RefusedOutcome> {
  const isDone = (statement: Statement): boolean =>
    !copy && !again && made.has(statementId(statement));
  return new Map(
    image.parts.flatMap((part) => {
      const refusal = isDone(part.statement) ? undefined : refusePart(image, part);
      return refusal ? [[statementId(part.statement), refusal] as const] : [];
    }),
  );
}

/** A report where nothing is signed, because of what is refused. */
function describeHeld(
  images: readonly AssessedImage[],
  made: MadeSignatures,
  refusals: ReadonlyMap<string, RefusedOutcome>,
  signing: SigningRun,
): SignReport {
  const signatures = images
    .flatMap(({ image }) => image.statements)
    .map((statement) => {
      const id = statementId(statement);
      const other = made.has(id) ? ({ status: 'there' } as const) : ({ status: 'held' } as const);
      return { statement, outcome: refusals.get(id) ?? other };
    });
  return {
    ...aboutRun(signing),
    isPushed: true,
    delivery: undefined,
    served: undefined,
    signatures,
  };
}

/** Signs images, copied before if that is wanted. */
async function signCopied(
  images: readonly AssessedImage[],
  made: MadeSignatures,
  copies: ImageCopies,
  run: PromoteRun,
  signing: SigningRun,
): Promise<SignReport> {
  const named = images.map(({ image }) => image);
  if (!run.settings.copy) return signImages(named, made, signing);
  const prepare = async (
    wanted: readonly Statement[],
  ): Promise<ReadonlyMap<string, RefusedOutcome>> => {
    const foreseen = spreadRefusals(named, await tryKey(wanted, signing));
    if (foreseen.size > 0 && signing.keepsGoing !== true) return foreseen;
    const isFree = ({ image }: AssessedImage): boolean =>
      !image.statements.some((one) => foreseen.has(statementId(one)));
    return new Map([...foreseen, ...(await copies.copy(images.filter(isFree)))]);
  };
  const signed = await signImages(named, made, { ...signing, prepare });
  const isDone = signed.signatures.every(({ outcome }) => outcome.status === 'there');
  if (copies.hasBegun || !isDone || run.settings['dry-run']) return signed;
  // An earlier run has signed it all, perhaps before anything was copied.
  const uncopied = await copies.copy(images);
  const signatures = signed.signatures.map(({ statement, outcome }) => ({
    statement,
    outcome: uncopied.get(statementId(statement)) ?? outcome,
  }));
  return { ...signed, signatures };
}
