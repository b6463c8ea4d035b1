// Proposes signatures instead of pushing them to the branch: a branch of its own, with one commit. Numbers
// come from the signatures themselves, so that any two proposals can be merged, in any order, and each
// signature is there then: a number behind the last one would be taken by both, and one of them lost.
import { randomBytes } from 'node:crypto';
import type { Candidate } from '../gather/candidate.ts';
import { type PushOutcome, refusesOptions } from '../target/push-commit.ts';
import { RepositoryError } from '../target/repository-error.ts';
import type { SignatureRepository } from '../target/signature-repository.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import { Batch, type BatchOptions } from './batch.ts';
import { chooseByContent } from './choose-number.ts';
import { formatCommitMessage, formatSubject } from './commit-message.ts';
import {
  type Forge,
  type HostedRepository,
  type RequestText,
  giteaOptions,
  gitlabOptions,
  guessForge,
  parseHosted,
} from '../target/forge.ts';
import { githubLink, openGithubRequest } from './open-github-request.ts';
import type { Proposal, PushReport } from './push-report.ts';

/** How signatures are proposed. */
export interface ProposeSignaturesOptions extends BatchOptions, BackoffOptions {
  /** The kind of git host; default: by the name of the host. */
  readonly forge?: Forge | undefined;
  /** For GitHub's API. */
  readonly token?: string | undefined;
}

/**
 * Proposes candidates.
 * @throws RepositoryError where the repository cannot be read or takes no push, or the branch is pushed
 * and no request could be opened for it
 */
export async function proposeSignatures(
  repository: SignatureRepository,
  candidates: readonly Candidate[],
  options: ProposeSignaturesOptions,
): Promise<PushReport> {
  const batch = new Batch(repository, candidates, options);
  const plan = await batch.plan(chooseByContent);
  const { fresh, isHeldBack } = plan;
  const { location, branch, commit } = repository;
  const report = { repository: location, branch, isHeldBack };
  if (fresh.length === 0) {
    const signatures = batch.describe(plan, () => false);
    return { ...report, commit, attempts: 0, signatures };
  }
  const made = await batch.commit(fresh);
  const signed = fresh.map(({ good }) => good.signature);
  const request = {
    target: branch,
    title: formatSubject(signed),
    description: formatCommitMessage(signed, options.run).split('\n').slice(2).join('\n'),
  };
  const proposal = await new Proposer(repository, made, request, options).run();
  const proposed = new Set(fresh.map(({ good }) => good.candidate));
  const signatures = batch.describe(plan, (one) => proposed.has(one));
  return { ...report, commit: made, attempts: 1, signatures, proposal };
}

class Proposer {
  readonly #repository: SignatureRepository;
  readonly #commit: string;
  readonly #request: RequestText;
  readonly #token: string | undefined;
  readonly #backoff: Backoff;
  readonly #name: string;
  readonly #hosted: HostedRepository | undefined;
  readonly #forge: Forge | undefined;

  constructor(
    repository: SignatureRepository,
    commit: string,
    request: RequestText,
    options: ProposeSignaturesOptions,
  ) {
    const { forge, token, now } = options;
    this.#backoff = new Backoff(options);
    this.#repository = repository;
    this.#commit = commit;
    this.#request = request;
    this.#token = token;
    const time = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
    this.#name = `lookaside/${time}-${randomBytes(4).toString('hex')}`;
    this.#hosted = parseHosted(repository.location);
    this.#forge = forge ?? (this.#hosted && guessForge(this.#hosted));
  }

  async run(): Promise<Proposal> {
    switch (this.#forge) {
      case 'github':
        return this.#onGithub();
      case 'gitea':
        return this.#onGitea();
      case 'gitlab':
      case undefined:
        return this.#onGitlab();
    }
  }

  async #onGithub(): Promise<Proposal> {
    const said = await this.#push(this.#branchRef);
    const branch = this.#name;
    const hosted = this.#hosted;
    if (!hosted || this.#token === undefined) {
      const link = findLink(said) ?? (hosted && githubLink(hosted, this.#request, branch));
      return { branch, link, isOpen: false };
    }
    const link = await openGithubRequest(hosted, this.#token, branch, this.#request);
    return { branch, link, isOpen: true };
  }

  /** Without a branch: Gitea keeps the proposal itself. */
  async #onGitea(): Promise<Proposal> {
    const ref = `refs/for/${this.#request.target}`;
    const said = await this.#tryOptions(ref, giteaOptions(this.#name, this.#request));
    if (said) return { branch: undefined, link: findLink(said), isOpen: true };
    const link = findLink(await this.#push(this.#branchRef));
    return { branch: this.#name, link, isOpen: false };
  }

  /** Other hosts pass over options that they do not know. */
  async #onGitlab(): Promise<Proposal> {
    const said = await this.#tryOptions(this.#branchRef, gitlabOptions(this.#request));
    const isOpen = said !== undefined && this.#forge === 'gitlab';
    return {
      branch: this.#name,
      link: findLink(said ?? (await this.#push(this.#branchRef))),
      isOpen,
    };
  }

  get #branchRef(): string {
    return `refs/heads/${this.#name}`;
  }

  /** What the remote said to a push with options; undefined where it takes none. */
  async #tryOptions(
    ref: string,
    options: readonly string[],
  ): Promise<readonly string[] | undefined> {
    const outcome = await this.#tryPush(ref, options);
    if (outcome.kind === 'refused' && refusesOptions(outcome.error)) return undefined;
    return readSaid(outcome, ref);
  }

  async #push(ref: string): Promise<readonly string[]> {
    return readSaid(await this.#tryPush(ref, []), ref);
  }

  /** Once more after a connection that breaks: the name stays, so there are never two of one proposal. */
  async #tryPush(ref: string, options: readonly string[]): Promise<PushOutcome> {
    for (let attempts = 1; ; attempts++) {
      const outcome = await this.#repository.push(this.#commit, ref, options);
      if (outcome.kind !== 'broken' || !(await this.#backoff.pause(attempts))) return outcome;
    }
  }
}

/** What the remote said to a push. */
function readSaid(outcome: PushOutcome, ref: string): readonly string[] {
  switch (outcome.kind) {
    case 'pushed':
      return outcome.said;
    case 'broken':
    case 'refused':
      throw outcome.error;
    case 'overtaken':
    case 'locked': {
      // Nobody else has a branch of this name.
      const reason = outcome.kind === 'locked' ? outcome.reason : 'it is there already';
      throw new RepositoryError(`nothing was proposed: ${ref} could not be made: ${reason}`, {
        hint: 'remove or rename what is in the way of that name',
      });
    }
  }
}

/** A page of a request, or that where one is opened, by its address at the known git hosts. */
const REQUEST_PAGE = /\/(?:merge_requests|pulls?|compare)(?:\/|\?|$)/;

/** Git hosts name such a page below a push, and may say other things. */
function findLink(said: readonly string[]): string | undefined {
  const links = said.flatMap((line) => /https?:\/\/\S+/.exec(line)?.[0] ?? []);
  return links.find((link) => REQUEST_PAGE.test(link)) ?? links[0];
}
