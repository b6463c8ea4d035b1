// `lookaside sign IMAGE…`: from images in a registry to signatures in the signature repository. Whatever
// can fail is tried before anything is signed, and nothing is pushed or written unless all of it is good.
import type { RefusedState } from '../../generator/store/report.ts';
import { type Rejection, isRejection } from '../../generator/terms/rejection.ts';
import type { Delivered, MadeSignature } from '../../signing/sign/destination.ts';
import { foreseeRefusals } from '../../signing/sign/foresee-refusals.ts';
import { Gpg } from '../../signing/sign/gpg.ts';
import type { ChosenKey } from '../../signing/sign/secret-keys.ts';
import { type Verdicts, signStatements } from '../../signing/sign/sign-statements.ts';
import { type Statement, statementId } from '../../signing/sign/statement.ts';
import { assertFormat } from '../base/assert-format.ts';
import type { Settings } from '../base/options.ts';
import { type ProcessIo, write } from '../base/process-io.ts';
import { readVersion } from '../base/read-version.ts';
import { RefusedImageError, UsageError, formatUsageError } from '../base/usage-error.ts';
import { Progress } from '../check/progress.ts';
import { withTemporaryState } from '../inputs/open-source.ts';
import { explainDirectory } from '../inputs/unusable-directory.ts';
import { checkAuthfile } from '../registry/check-authfile.ts';
import { type RuleGiver, cureRefusal } from '../push/rule-giver.ts';
import type { PlatformOptions } from '../registry/read-platforms.ts';
import { type SignedStatement, type SigningOutcome, formatSigned } from './format-signed.ts';
import {
  type EarlierProposal,
  type OpenDestination,
  findOut,
  openDestination,
} from './open-destination.ts';
import { type NamedImage, readImages } from './read-images.ts';
import { type ResolvedImage, findMoved, resolveImages } from './resolve-images.ts';
import { readPassphrase, withTerminal } from './unlock.ts';

/** Settles with the exit code: 1 where a signature or an image would be refused, or a tag moved meanwhile. */
export async function sign(
  names: readonly string[],
  settings: Settings,
  io: ProcessIo,
): Promise<number> {
  const named = readImages(names, settings.identity);
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
      return await signImages(named, { settings, io, gpg, key, registry, ...opened });
    } catch (error) {
      if (!(error instanceof AggregateError)) {
        throw out === undefined ? error : explainDirectory(error, out);
      }
      const complaints = error.errors.map((one: unknown) => formatUsageError(one));
      // A registry that is down is down for all images.
      for (const complaint of new Set(complaints)) io.stderr.write(complaint);
      return error.errors.every((one) => one instanceof RefusedImageError) ? 1 : 2;
    } finally {
      await opened.destination.close();
    }
  });
}

/** Names without a tag are good for few nodes. */
function warnOfDigests(named: readonly NamedImage[], { stderr }: ProcessIo): void {
  for (const { name, identity } of named) {
    if (!identity.includes('@')) continue;
    stderr.write(
      `lookaside: warning: ${name} is signed under its digest: nodes accept that only when they pull this digest\n` +
        'hint: give it with its tag too, NAME:TAG@sha256:…, or --identity NAME:TAG\n',
    );
  }
}

type MadeSignatures = ReadonlyMap<string, MadeSignature>;

/** What a run works with. */
interface SigningRun extends OpenDestination {
  readonly settings: Settings;
  readonly io: ProcessIo;
  readonly gpg: Gpg;
  readonly key: ChosenKey;
  readonly registry: PlatformOptions;
}

async function signImages(named: readonly NamedImage[], run: SigningRun): Promise<number> {
  const { settings, io, key, destination, registry } = run;
  const images = await resolveImages(named, registry);
  tellCompanions(images, io);
  const statements = images.flatMap((image) => image.statements);
  const found = await destination.findMade(statements, key.fingerprint);
  const made: MadeSignatures = settings.again ? new Map() : found;
  const wanted = statements.filter((one) => !made.has(statementId(one)));
  const isDryRun = settings['dry-run'];
  // Nobody shall sign for nothing.
  const earlier = wanted.length > 0 ? await run.findEarlier?.(wanted) : undefined;
  if (earlier) return tellEarlier(statements, made, earlier, run);
  const excess = wanted.length > 0 ? await run.foreseeExcess?.(wanted) : undefined;
  if (excess) return tellExcess(statements, made, excess, run);
  if (wanted.length > 0) await run.tryDelivery?.();
  const verdicts: Verdicts = isDryRun
    ? await foreseeRefusals(wanted, destination.policy, key.fingerprint, new Date())
    : await signWithProgress(wanted, run);
  const good = [...verdicts].flatMap(([id, verdict]) =>
    isRejection(verdict) ? [] : [{ id, verdict }],
  );
  const isGood = good.length > 0 && good.length === verdicts.size;
  // Of a tag that was moved nobody knows which image was meant.
  const moved = new Map(isGood ? await findMoved(images, registry) : []);
  const delivery =
    isGood && moved.size === 0
      ? await destination.deliver(good.map(({ verdict }) => verdict))
      : undefined;
  const delivered = new Map(delivery?.delivered.map((one, index) => [good[index]?.id, one]));
  const signatures = statements.map((statement) => ({
    statement,
    outcome:
      toMoved(statement, moved) ??
      toOutcome(statementId(statement), {
        made,
        verdicts,
        delivered,
        refused: delivery?.refused,
        giver: run.giver,
      }),
  }));
  const served = await waitIfAsked(signatures, made, verdicts, run);
  const isPushed = run.tryDelivery !== undefined;
  const to = destination.name;
  const { giver } = run;
  const report = { key, to, giver, isDryRun, isPushed, delivery, served, signatures };
  await write(io.stdout, formatSigned(report, settings.format === 'json', io));
  if (served instanceof Error) throw served;
  return signatures.some(({ outcome }) => outcome.status === 'refused') ? 1 : 0;
}

/** For what an earlier run has proposed there is nothing to do but to merge it. */
async function tellEarlier(
  statements: readonly Statement[],
  made: MadeSignatures,
  proposal: EarlierProposal,
  { settings, io, key, destination, giver }: SigningRun,
): Promise<number> {
  const signatures = statements.map((statement) => ({
    statement,
    outcome: { status: made.has(statementId(statement)) ? 'there' : 'proposed' } as const,
  }));
  const report = {
    key,
    to: destination.name,
    giver,
    isDryRun: settings['dry-run'],
    isPushed: true,
    delivery: { commit: undefined, delivered: [], proposal },
    served: undefined,
    signatures,
  };
  await write(io.stdout, formatSigned(report, settings.format === 'json', io));
  return 0;
}

/** Nobody signs for a state that would be refused. */
async function tellExcess(
  statements: readonly Statement[],
  made: MadeSignatures,
  refused: RefusedState,
  { settings, io, key, destination, giver }: SigningRun,
): Promise<number> {
  const signatures = statements.map((statement): SignedStatement => {
    const isMade = made.has(statementId(statement));
    return { statement, outcome: isMade ? { status: 'there' } : { status: 'refused', ...refused } };
  });
  const report = {
    key,
    to: destination.name,
    giver,
    isDryRun: settings['dry-run'],
    isPushed: true,
    delivery: undefined,
    served: undefined,
    signatures,
  };
  await write(io.stdout, formatSigned(report, settings.format === 'json', io));
  return 1;
}

/** The bar comes after the first signature: until then pinentry may have the terminal. */
async function signWithProgress(
  statements: readonly Statement[],
  { io, gpg, key, destination }: SigningRun,
): Promise<Verdicts> {
  let progress: Progress | undefined;
  const total = new Set(statements.map(statementId)).size;
  try {
    return await signStatements(statements, {
      gpg,
      key,
      destination,
      creator: `lookaside ${readVersion()}`,
      now: () => new Date(),
      onSigned: () => {
        progress ??= new Progress({ count: async () => total }, io, 'signatures');
        progress.step();
      },
    });
  } finally {
    progress?.stop();
  }
}

function isThere({ outcome }: SignedStatement): boolean {
  return outcome.status === 'there';
}

/** What was there before is waited for too: an earlier run may have ended before it was served. */
async function waitIfAsked(
  signatures: readonly SignedStatement[],
  made: MadeSignatures,
  verdicts: Verdicts,
  { wait, destination, key }: SigningRun,
): Promise<number | Error | undefined> {
  if (!wait || signatures.some(({ outcome }) => outcome.status === 'refused')) return undefined;
  const lacking = signatures
    .filter((one) => isThere(one) && !made.has(statementId(one.statement)))
    .map(({ statement }) => statement);
  // Somebody else has brought the like meanwhile.
  const others = await destination.findMade(lacking, key.fingerprint);
  const stored = signatures.flatMap((one) => {
    const id = statementId(one.statement);
    const verdict = verdicts.get(id);
    if (one.outcome.status === 'new' && verdict && !isRejection(verdict)) {
      return [{ path: one.outcome.path, bytes: verdict.signature.bytes }];
    }
    const found = isThere(one) ? (made.get(id) ?? others.get(id)) : undefined;
    return found ? [{ path: found.path, bytes: found.signature.bytes }] : [];
  });
  return stored.length > 0 ? wait(stored) : undefined;
}

function tellCompanions(images: readonly ResolvedImage[], { stderr }: ProcessIo): void {
  for (const { name, companions } of images) {
    if (companions === 0) continue;
    const what =
      companions === 1
        ? '1 entry without a platform, such as an attestation, was not signed: nodes never pull it'
        : `${companions} entries without a platform, such as attestations, were not signed: nodes never pull them`;
    stderr.write(`lookaside: ${name}: ${what}\n`);
  }
}

/** What a run has made of its statements, each by `statementId`. */
interface Results {
  readonly made: MadeSignatures;
  readonly verdicts: Verdicts;
  readonly delivered: ReadonlyMap<string | undefined, Delivered | Rejection | undefined>;
  readonly refused: RefusedState | undefined;
  readonly giver: RuleGiver;
}

function toOutcome(
  id: string,
  { made, verdicts, delivered, refused, giver }: Results,
): SigningOutcome {
  if (made.has(id)) return { status: 'there' };
  const verdict = verdicts.get(id);
  if (!verdict) return { status: 'held' };
  if (isRejection(verdict)) return toRefused(verdict, giver);
  const fate = delivered.get(id);
  if (!fate && refused) return { status: 'refused', ...refused };
  if (!fate) return { status: 'held' };
  if (isRejection(fate)) return toRefused(fate, giver);
  if (!fate.isNew) return { status: fate.isProposed ? 'proposed' : 'there' };
  return { status: 'new', path: fate.path, warnings: fate.warnings };
}

function toMoved(
  { image }: Statement,
  moved: ReadonlyMap<string, string>,
): SigningOutcome | undefined {
  const nowHex = moved.get(image);
  if (nowHex === undefined) return undefined;
  return {
    status: 'refused',
    code: 'tag-moved',
    message: `the tag was moved while it was signed, to sha256:${nowHex}`,
    hint: `sign again, or say which one: ${image}@sha256:HEX`,
  };
}

function toRefused(rejection: Rejection, giver: RuleGiver): SigningOutcome {
  const { code, message, hint } = cureRefusal(rejection, giver);
  return { status: 'refused', code, message, hint };
}
