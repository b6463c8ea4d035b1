// Where `sign` brings signatures: to the repository of --to, or to the directory of --out.
import { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import { readKeyring } from '../../generator/openpgp/read-keyring.ts';
import { type Policy, createSimplePolicy } from '../../generator/policy/policy.ts';
import { findProposal } from '../../signing/push/propose-signatures.ts';
import { foreseeExcess } from '../../signing/push/foresee-excess.ts';
import { joinSubtree } from '../../signing/push/published-signatures.ts';
import type { RefusedState } from '../../generator/store/report.ts';
import { formatLocation } from '../../generator/terms/location.ts';
import { type Delivery, type Destination, placeOf } from '../../signing/sign/destination.ts';
import { DirectoryDestination } from '../../signing/sign/directory-destination.ts';
import type { Gpg } from '../../signing/sign/gpg.ts';
import { RepositoryDestination } from '../../signing/sign/repository-destination.ts';
import type { ChosenKey } from '../../signing/sign/secret-keys.ts';
import { type Statement, statementId, toClaims } from '../../signing/sign/statement.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { OptionName, Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { GIT_ACCESS_OPTIONS } from '../inputs/git-access.ts';
import { openEngines } from '../inputs/open-engines.ts';
import { type OpenTarget, openTarget } from '../inputs/open-target.ts';
import { readPolicy, warnOfKeyFaults } from '../inputs/read-policy.ts';
import { type HandOver, describeRun, handOver, tryHandOver } from '../push/hand-over.ts';
import { readStore } from '../push/push-options.ts';
import { type RuleGiver, findRuleGiver } from '../push/rule-giver.ts';
import { type PushedFile, waitForStore } from '../push/wait-for-store.ts';

export interface DestinationOptions {
  /** For what is temporary; whoever made it removes it. */
  readonly directory: string;
  readonly ending: AbortSignal;
  readonly gpg: Gpg;
  readonly key: ChosenKey;
}

/** Options that say something of the repository of --to, or of a push. */
const FOR_REPOSITORY = [
  'branch',
  'path',
  ...GIT_ACCESS_OPTIONS,
  'pull-request',
  'forge',
  'wait',
  'timeout',
] as const satisfies readonly OptionName[];

/**
 * The directory of --out; undefined for the repository of --to.
 * @throws UsageError unless one of them is given, and with it only what has an effect.
 */
export function findOut({ to, out, origins }: Settings): string | undefined {
  if (to !== undefined && out !== undefined) {
    throw new UsageError('--to and --out both say where signatures go', 'give one of them');
  }
  if (to === undefined && out === undefined) {
    const hint =
      'name the signature repository, for example --to git@HOST:ORG/signatures.git, or a directory with --out DIR';
    throw new UsageError('sign needs a place for the signatures', hint);
  }
  // In the environment and in files they may be for other runs.
  const idle = FOR_REPOSITORY.find((name) => origins[name] === `--${name}`);
  if (out !== undefined && idle !== undefined) {
    const message = `--${idle} is for signatures that are pushed, and --out writes them to a directory`;
    throw new UsageError(message, 'leave one of them out');
  }
  return out;
}

function now(): Date {
  return new Date();
}

export type EarlierProposal = NonNullable<Delivery['proposal']>;

/** A place for signatures that is open. */
export interface OpenDestination {
  readonly destination: Destination;
  readonly giver: RuleGiver;
  /**
   * Tries, without writing anything, whether signatures would be let in there, as far as that shows before;
   * undefined where it shows by itself.
   * @throws RepositoryError
   */
  readonly tryDelivery: (() => Promise<void>) | undefined;
  /**
   * What an earlier run has proposed of the same, by the same key; undefined where nothing is proposed.
   * @throws RepositoryError
   */
  readonly findEarlier:
    ((statements: readonly Statement[]) => Promise<EarlierProposal | undefined>) | undefined;
  /**
   * Why the repository would be refused with more signatures; undefined where it would not, and for a directory.
   * @throws RepositoryError
   */
  readonly foreseeExcess:
    ((statements: readonly Statement[]) => Promise<RefusedState | undefined>) | undefined;
  /** Waits until the store of --wait serves signatures; gives the milliseconds, or why it does not. */
  readonly wait: ((signatures: readonly PushedFile[]) => Promise<number | Error>) | undefined;
}

/** Opens it, with what it asks of signatures. */
export async function openDestination(
  settings: Settings,
  io: ProcessIo,
  options: DestinationOptions,
): Promise<OpenDestination> {
  const { directory, ending } = options;
  const out = findOut(settings);
  if (out !== undefined) {
    const opened = await openOut(out, settings, io, options);
    const nothing = { tryDelivery: undefined, findEarlier: undefined, foreseeExcess: undefined };
    return { ...opened, ...nothing, wait: undefined };
  }
  const store = readStore(settings);
  const target = await openTarget(settings.to ?? '', settings, io, directory, ending);
  const { repository, policy, judge, close } = target;
  const subtree = target.settings.path;
  const takesRepeats = settings.again;
  const destination = new RepositoryDestination({
    repository,
    policy,
    judge,
    subtree,
    now,
    handOver: async (candidates) =>
      handOver(candidates, { target, settings, io, ending, takesRepeats }),
    close,
  });
  const { timeout } = settings;
  return {
    destination,
    giver: findRuleGiver(target),
    tryDelivery: async () => {
      const obstacle = await tryHandOver({ target, settings });
      // A connection that breaks does not stop the push either.
      if (obstacle && (obstacle.kind === 'refused' || settings['dry-run'])) throw obstacle.error;
    },
    findEarlier:
      settings['pull-request'] && !settings.again
        ? async (statements) =>
            findEarlier(statements, options.key, { target, settings, io, ending })
        : undefined,
    foreseeExcess: async (statements) => foreseeStatements(statements, target),
    wait:
      store === undefined
        ? undefined
        : async (signatures) => waitForStore(signatures, { store, subtree, timeout, ending }),
  };
}

async function findEarlier(
  statements: readonly Statement[],
  { fingerprint }: ChosenKey,
  { target, settings, io, ending }: HandOver,
): Promise<EarlierProposal | undefined> {
  const said = statements.map((statement) => ({
    claims: toClaims(statement, null, null),
    signer: { primaryFingerprint: fingerprint },
  }));
  const { repository } = target;
  const { forge, timeout } = settings;
  // With a token, a request that lacks would be opened.
  const token = settings['dry-run'] ? undefined : target.token;
  const run = describeRun(io.environment);
  const proposal = await findProposal(repository, said, { forge, token, timeout, ending, run });
  return proposal && { ...proposal, into: repository.branch };
}

async function foreseeStatements(
  statements: readonly Statement[],
  { repository, policy, readRule }: OpenTarget,
): Promise<RefusedState | undefined> {
  const rule = await readRule();
  const unique = new Map(statements.map((statement) => [statementId(statement), statement]));
  const places = [...unique.values()].flatMap((statement) => placeOf(policy, statement) ?? []);
  // Under which number each will lie makes no difference of note.
  const paths = places.map(({ directory }, at) =>
    joinSubtree(rule.subtree, formatLocation(directory, at + 1)),
  );
  return foreseeExcess(repository, paths, rule);
}

/** Where nobody says which keys are accepted, it is the one that signs. */
async function openOut(
  out: string,
  settings: Settings,
  { environment, stderr }: ProcessIo,
  { directory, gpg, key }: DestinationOptions,
): Promise<Pick<OpenDestination, 'destination' | 'giver'>> {
  const given = await readPolicy(settings);
  warnOfKeyFaults(given, stderr);
  const policy = given.isConfigured ? given : await policyOf(gpg, key);
  const budgets = toBudgets(settings);
  const { openMessage, close } = await openEngines(environment, directory, budgets);
  const expiryWarning = settings['expiry-warning'];
  const judge = new PlacingJudge({ policy, openMessage, expiryWarning, paths: budgets });
  const destination = new DirectoryDestination({ directory: out, policy, judge, close, now });
  const giver: RuleGiver = given.isConfigured ? { kind: 'options' } : { kind: 'nobody' };
  return { destination, giver };
}

async function policyOf(gpg: Gpg, key: ChosenKey): Promise<Policy> {
  const bytes = await gpg.exportKey(key);
  return createSimplePolicy(await readKeyring([{ path: `the key of ${key.name}`, bytes }]));
}
