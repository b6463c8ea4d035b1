// The rule of a signature repository that others push to as well: it may change between two attempts.
import { createHash } from 'node:crypto';
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
  /** Names the content of the files that say so: another one once any of them has changed. */
  readonly id: string;
}

/** The rule of the newest state that a repository was seen in, read again only when its files changed. */
export class TargetRules {
  readonly #repository: Pick<SignatureRepository, 'tree'>;
  readonly #engines: Pick<Engines, 'openMessage'>;
  readonly #readAgain: () => Promise<TreeRule>;
  #rule: TargetRule;
  #paths: readonly string[];
  /** The tree that it was read from. */
  #tree: TipTree;

  private constructor(
    repository: Pick<SignatureRepository, 'tree'>,
    engines: Pick<Engines, 'openMessage'>,
    first: TreeRule,
    readAgain: () => Promise<TreeRule>,
    id: string,
  ) {
    this.#repository = repository;
    this.#engines = engines;
    this.#readAgain = readAgain;
    this.#rule = this.#toRule(first, id);
    this.#paths = first.paths;
    this.#tree = repository.tree;
  }

  /** `first` is the rule of the state that is seen now; `readAgain` reads that of the newest. */
  static async open(
    repository: SignatureRepository,
    engines: Engines,
    first: TreeRule,
    readAgain: () => Promise<TreeRule>,
  ): Promise<TargetRules> {
    const id = await nameContent(repository.tree, first.paths);
    return new TargetRules(repository, engines, first, readAgain, id);
  }

  /** The same object until it changes. */
  async read(): Promise<TargetRule> {
    const { tree } = this.#repository;
    if (tree === this.#tree) return this.#rule;
    if ((await nameContent(tree, this.#paths)) !== this.#rule.id) {
      const rule = await this.#readAgain();
      this.#rule = this.#toRule(rule, await nameContent(tree, rule.paths));
      this.#paths = rule.paths;
    }
    this.#tree = tree;
    return this.#rule;
  }

  #toRule({ settings, policy, limits }: TreeRule, id: string): TargetRule {
    const { openMessage } = this.#engines;
    const expiryWarning = settings['expiry-warning'];
    const paths = toBudgets(settings);
    const judge = new PlacingJudge({ policy, openMessage, expiryWarning, paths });
    return { subtree: settings.path, judge, limits, id };
  }
}

/** Directories have one name for all that is in them. */
async function nameContent(tree: TipTree, paths: readonly string[]): Promise<string> {
  const found = await tree.find(paths);
  const names = paths.map((path) => [path, found.get(path)?.id ?? '']);
  return createHash('sha256').update(JSON.stringify(names)).digest('base64url');
}
