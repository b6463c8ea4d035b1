// From images that the stage has answered for to pushed signatures: each image is copied first, if that is
// wanted, and only what has arrived is signed.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { foreseeRefusals } from '../../signing/sign/foresee-refusals.ts';
import { Gpg } from '../../signing/sign/gpg.ts';
import { type Statement, statementId } from '../../signing/sign/statement.ts';
import type { Settings } from '../base/options.ts';
import { write } from '../base/process-io.ts';
import { readStore } from '../push/push-options.ts';
import { type RefusedOutcome, type SignReport, hasRefused } from '../sign/format-signed.ts';
import { openDestination } from '../sign/open-destination.ts';
import {
  type MadeSignatures,
  type SigningRun,
  aboutRun,
  signImages,
  toRefused,
} from '../sign/sign-images.ts';
import { readPassphrase, withTerminal } from '../sign/unlock.ts';
import { type AssessedImage, type ResolvedPromotion, refusePart } from './assess-images.ts';
import { type CopyOutcome, copyImages } from './copy-images.ts';
import { type PromoteReport, formatPromoted } from './format-promoted.ts';
import { type PromoteRun, toTargetSettings } from './promote-run.ts';

/** Promotes what `find` finds; gives the exit code. */
export async function promoteImages(
  find: () => Promise<readonly AssessedImage[]>,
  run: PromoteRun,
): Promise<number> {
  const { settings, io, registry, directory, ending } = run;
  readStore(settings);
  const passphrase = await readPassphrase(settings['passphrase-file']);
  const environment = await withTerminal(io);
  const gpg = new Gpg({ program: settings.gpg, environment, passphrase, ending });
  const key = await gpg.findKey(settings['sign-by'] ?? '');
  const place = join(directory, 'next');
  await mkdir(place);
  const target = toTargetSettings(settings);
  const opened = await openDestination(target, io, { directory: place, ending, gpg, key });
  try {
    const signing: SigningRun = { settings: target, io, gpg, key, registry, ...opened };
    const report = await promoteFound(await find(), run, signing);
    await write(io.stdout, formatPromoted(report, settings.format === 'json', io));
    const { signed } = report;
    if (signed.served instanceof Error) throw signed.served;
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
  const copies = new Map<string, CopyOutcome>();
  const refusals = new Map([...faults.values()].flatMap((one) => Array.from(one)));
  if (bad.length > 0 && !leavesOut) {
    return { images, copies, signed: describeHeld(images, made, refusals, signing) };
  }
  const signed = await signCopied(good, made, copies, run, signing);
  const left = describeHeld(bad, made, refusals, signing).signatures;
  const isWhole = bad.length === 0 || hasRefused(signed);
  const signatures = [...signed.signatures, ...left];
  return { images, copies, signed: { ...signed, signatures, leavesOut: !isWhole } };
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

/** Signs images, copied before; `copies` gets what came of that. */
async function signCopied(
  images: readonly AssessedImage[],
  made: MadeSignatures,
  copies: Map<string, CopyOutcome>,
  run: PromoteRun,
  signing: SigningRun,
): Promise<SignReport> {
  const named = images.map(({ image }) => image);
  if (!run.settings.copy) return signImages(named, made, signing);
  let isCopied = false;
  const copyAll = async (): Promise<ReadonlyMap<string, RefusedOutcome>> => {
    isCopied = true;
    const isProposal = run.settings['pull-request'];
    const outcomes = await copyImages(images, { ...run, policy: run.stage.policy, isProposal });
    for (const [name, outcome] of outcomes) copies.set(name, outcome);
    return findUncopied(named, outcomes);
  };
  const prepare = async (wanted: readonly Statement[]) => {
    const foreseen = await tryKey(wanted, signing);
    return foreseen.size > 0 ? foreseen : copyAll();
  };
  const signed = await signImages(named, made, { ...signing, prepare });
  const isDone = signed.signatures.every(({ outcome }) => outcome.status === 'there');
  if (isCopied || !isDone || run.settings['dry-run']) return signed;
  // An earlier run has signed it all, perhaps before anything was copied.
  const unmade = await copyAll();
  const signatures = signed.signatures.map(({ statement, outcome }) => ({
    statement,
    outcome: unmade.get(statementId(statement)) ?? outcome,
  }));
  return { ...signed, signatures };
}

/** An image that has not arrived is not signed. */
function findUncopied(
  images: readonly ResolvedPromotion[],
  outcomes: ReadonlyMap<string, CopyOutcome>,
): ReadonlyMap<string, RefusedOutcome> {
  return new Map(
    images.flatMap(({ name, statements }) => {
      const outcome = outcomes.get(name);
      if (outcome?.status !== 'refused') return [];
      return statements.map((statement) => [statementId(statement), outcome] as const);
    }),
  );
}

/**
 * Nothing is copied for a key that cannot sign, or that the next stage does not accept.
 * @throws SigningError where gpg cannot sign
 */
async function tryKey(
  wanted: readonly Statement[],
  { gpg, key, destination, giver }: SigningRun,
): Promise<ReadonlyMap<string, RefusedOutcome>> {
  const { policy } = destination;
  const foreseen = await foreseeRefusals(wanted, policy, key.fingerprint, new Date());
  if (foreseen.size === 0) await gpg.sign(new Uint8Array(), key);
  return new Map([...foreseen].map(([id, rejection]) => [id, toRefused(rejection, giver)]));
}
