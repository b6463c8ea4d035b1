// From images whose manifests are known to pushed signatures. Whatever can fail is tried before anything is
// signed, and nothing is pushed or written unless all of it is good.
import type { RefusedState } from '../../generator/store/report.ts';
import { type Rejection, isRejection } from '../../generator/terms/rejection.ts';
import type { Delivered, MadeSignature } from '../../signing/sign/destination.ts';
import { foreseeRefusals } from '../../signing/sign/foresee-refusals.ts';
import type { Gpg } from '../../signing/sign/gpg.ts';
import type { ChosenKey } from '../../signing/sign/secret-keys.ts';
import { type Verdicts, signStatements } from '../../signing/sign/sign-statements.ts';
import { type Statement, statementId } from '../../signing/sign/statement.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { readVersion } from '../base/read-version.ts';
import { Progress } from '../check/progress.ts';
import { type RuleGiver, cureRefusal } from '../push/rule-giver.ts';
import type { PlatformOptions } from '../registry/read-platforms.ts';
import {
  type RefusedOutcome,
  type SignReport,
  type SignedStatement,
  type SigningOutcome,
  hasRefused,
} from './format-signed.ts';
import type { EarlierProposal, OpenDestination } from './open-destination.ts';
import { type ResolvedImage, findMoved } from './resolve-images.ts';

/** The good signatures that are there already, by the `statementId` of what they say. */
export type MadeSignatures = ReadonlyMap<string, MadeSignature>;

/** What a run works with. */
export interface SigningRun extends OpenDestination {
  readonly settings: Settings;
  readonly io: ProcessIo;
  readonly gpg: Gpg;
  readonly key: ChosenKey;
  readonly registry: PlatformOptions;
  /**
   * Is done once it is known that the destination would take signatures, and before any is made; gives why
   * some are not to be made, by `statementId`: then none is, unless the run `keepsGoing`. Not in a dry run.
   */
  readonly prepare?: (wanted: readonly Statement[]) => Promise<ReadonlyMap<string, RefusedOutcome>>;
  readonly keepsGoing?: boolean;
}

const NOTHING_REFUSED: ReadonlyMap<string, RefusedOutcome> = new Map();

/** Signs what lacks of images; `found` is what the key has signed for the destination before. */
export async function signImages(
  images: readonly ResolvedImage[],
  found: MadeSignatures,
  run: SigningRun,
): Promise<SignReport> {
  const { settings, destination, registry } = run;
  const statements = images.flatMap((image) => image.statements);
  const made: MadeSignatures = settings.again ? new Map() : found;
  const wanted = statements.filter((one) => !made.has(statementId(one)));
  const isDryRun = settings['dry-run'];
  // Nobody shall sign for nothing.
  const earlier = wanted.length > 0 ? await run.findEarlier?.(wanted) : undefined;
  if (earlier) return reportEarlier(statements, made, earlier, run);
  const excess = wanted.length > 0 ? await run.foreseeExcess?.(wanted) : undefined;
  if (excess) return reportExcess(statements, made, excess, run);
  if (wanted.length > 0) await run.tryDelivery?.();
  const isPrepared = !isDryRun && wanted.length > 0;
  const unprepared = (isPrepared ? await run.prepare?.(wanted) : undefined) ?? NOTHING_REFUSED;
  const isOpen = unprepared.size === 0 || run.keepsGoing === true;
  const prepared = wanted.filter((one) => isOpen && !unprepared.has(statementId(one)));
  const verdicts = await findVerdicts(prepared, run);
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
  const results = { made, unprepared, verdicts, delivered, giver: run.giver };
  const signatures = statements.map((statement) => ({
    statement,
    outcome:
      toMoved(statement, moved) ??
      toOutcome(statementId(statement), { ...results, refused: delivery?.refused }),
  }));
  const served = await waitIfAsked(signatures, made, verdicts, run);
  return {
    ...aboutRun(run),
    isPushed: run.tryDelivery !== undefined,
    delivery,
    served,
    signatures,
  };
}

/** What a report says of the run, whatever came of it. */
export function aboutRun({
  key,
  destination,
  giver,
  settings,
}: SigningRun): Pick<SignReport, 'key' | 'to' | 'giver' | 'isDryRun'> {
  return { key, to: destination.name, giver, isDryRun: settings['dry-run'] };
}

async function findVerdicts(wanted: readonly Statement[], run: SigningRun): Promise<Verdicts> {
  const { settings, key, destination } = run;
  return settings['dry-run']
    ? foreseeRefusals(wanted, destination.policy, key.fingerprint, new Date())
    : signWithProgress(wanted, run);
}

/** For what an earlier run has proposed there is nothing to do but to merge it. */
function reportEarlier(
  statements: readonly Statement[],
  made: MadeSignatures,
  proposal: EarlierProposal,
  run: SigningRun,
): SignReport {
  const signatures = statements.map((statement) => ({
    statement,
    outcome: { status: made.has(statementId(statement)) ? 'there' : 'proposed' } as const,
  }));
  const delivery = { commit: undefined, delivered: [], proposal };
  return { ...aboutRun(run), isPushed: true, delivery, served: undefined, signatures };
}

/** Nobody signs for a state that would be refused. */
function reportExcess(
  statements: readonly Statement[],
  made: MadeSignatures,
  refused: RefusedState,
  run: SigningRun,
): SignReport {
  const signatures = statements.map((statement): SignedStatement => {
    const isMade = made.has(statementId(statement));
    return { statement, outcome: isMade ? { status: 'there' } : { status: 'refused', ...refused } };
  });
  return { ...aboutRun(run), isPushed: true, delivery: undefined, served: undefined, signatures };
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
  { wait, destination, key, keepsGoing = false }: SigningRun,
): Promise<number | Error | undefined> {
  if (!wait || (hasRefused({ signatures }) && !keepsGoing)) return undefined;
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

/** What a run has made of its statements, each by `statementId`. */
interface Results {
  readonly made: MadeSignatures;
  readonly unprepared: ReadonlyMap<string, RefusedOutcome>;
  readonly verdicts: Verdicts;
  readonly delivered: ReadonlyMap<string | undefined, Delivered | Rejection | undefined>;
  readonly refused: RefusedState | undefined;
  readonly giver: RuleGiver;
}

function toOutcome(
  id: string,
  { made, unprepared, verdicts, delivered, refused, giver }: Results,
): SigningOutcome {
  if (made.has(id)) return { status: 'there' };
  const refusal = unprepared.get(id);
  if (refusal) return refusal;
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

/** A refusal of the gate, with a cure for somebody who signs. */
export function toRefused(rejection: Rejection, giver: RuleGiver): RefusedOutcome {
  const { code, message, hint } = cureRefusal(rejection, giver);
  return { status: 'refused', code, message, hint };
}
