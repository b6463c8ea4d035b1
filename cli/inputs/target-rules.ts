// The rule of a signature repository that others push to as well: it may change between two attempts.
import { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { PublishedLimits } from '../../signing/push/foresee-excess.ts';
import type { SignatureRepository } from '../../signing/target/signature-repository.ts';
import type { TipTree } from '../../generator/sources/git/objects/tip-tree.ts';
import type { StateBudgets } from '../../generator/terms/budgets.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import type { Engines } from './open-engines.ts';

/** What a tree says of itself: how it is served, and who may sign what. */
export interface TreeRule {
  readonly settings: Settings;
  readonly policy: Policy;
  /** The files and directories that say so, from the root. */
  readonly paths: readonly string[];
  /** What it says itself of how large it may become; undefined for nothing. */
  readonly limits?: StateBudgets | undefined;
}

/** What is published of a signature repository, and what judges signatures for it. */
export interface TargetRule extends PublishedLimits {
  readonly judge: PlacingJudge;
}

/** The rule of the newest state that a repository was seen in, read again only when its files changed. */
export class TargetRules {
  readonly #repository: Pick<SignatureRepository, 'tree'>;
  readonly #engines: Pick<Engines, 'openMessage'>;
  readonly #readAgain: () => Promise<TreeRule>;
  #rule: TargetRule;
  #paths: readonly string[];
  /** The tree that it was read from, and the object names of its files there. */
  #tree: TipTree | undefined;
  #ids = '';

  private constructor(
    repository: Pick<SignatureRepository, 'tree'>,
    engines: Pick<Engines, 'openMessage'>,
    first: TreeRule,
    readAgain: () => Promise<TreeRule>,
  ) {
    this.#repository = repository;
    this.#engines = engines;
    this.#readAgain = readAgain;
    this.#rule = this.#toRule(first);
    this.#paths = first.paths;
  }

  /** `first` is the rule of the state that is seen now; `readAgain` reads that of the newest. */
  static async open(
    repository: SignatureRepository,
    engines: Engines,
    first: TreeRule,
    readAgain: () => Promise<TreeRule>,
  ): Promise<TargetRules> {
    const rules = new TargetRules(repository, engines, first, readAgain);
    await rules.#remember();
    return rules;
  }

  /** The same object until it changes. */
  async read(): Promise<TargetRule> {
    const { tree } = this.#repository;
    if (tree === this.#tree) return this.#rule;
    if ((await listIds(tree, this.#paths)) !== this.#ids) {
      const rule = await this.#readAgain();
      this.#rule = this.#toRule(rule);
      this.#paths = rule.paths;
    }
    await this.#remember();
    return this.#rule;
  }

  async #remember(): Promise<void> {
    const { tree } = this.#repository;
    this.#ids = await listIds(tree, this.#paths);
    this.#tree = tree;
  }

  #toRule({ settings, policy, limits }: TreeRule): TargetRule {
    const { openMessage } = this.#engines;
    const expiryWarning = settings['expiry-warning'];
    const paths = toBudgets(settings);
    const judge = new PlacingJudge({ policy, openMessage, expiryWarning, paths });
    return { subtree: settings.path, judge, limits };
  }
}

/** Directories have one name for all that is in them. */
async function listIds(tree: TipTree, paths: readonly string[]): Promise<string> {
  const found = await tree.find(paths);
  return JSON.stringify(paths.map((path) => [path, found.get(path)?.id ?? '']));
}
