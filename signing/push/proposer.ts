// Opens the request to merge a branch of signatures, in the way of each git host, or finds the one that an
// earlier run has opened. Branches are never pushed to twice.
import { type PushOutcome, refusesOptions } from '../target/push-commit.ts';
import { RepositoryError } from '../target/repository-error.ts';
import type { SignatureRepository } from '../target/signature-repository.ts';
import {
  type Forge,
  type HostedRepository,
  type RequestText,
  compareLink,
  giteaOptions,
  gitlabOptions,
  guessForge,
  listLink,
  parseHosted,
} from '../target/forge.ts';
import type { Backoff } from './backoff.ts';
import { findGithubRequest, openGithubRequest } from './github-requests.ts';
import type { Proposal } from './push-report.ts';

/** How requests are opened. */
export interface ForgeOptions {
  /** The kind of git host; default: by the name of the host. */
  readonly forge?: Forge | undefined;
  /** For GitHub's API. */
  readonly token?: string | undefined;
}

/** What Gitea says where a request with this topic is open. */
const IS_OPEN = /request `force-push` push option|new commit is same with old commit/;

export class Proposer {
  readonly #repository: SignatureRepository;
  readonly #name: string;
  readonly #request: RequestText;
  readonly #token: string | undefined;
  readonly #backoff: Backoff;
  readonly #hosted: HostedRepository | undefined;
  readonly #forge: Forge | undefined;

  /** `name` is that of the branch, or where there is none, of the topic. */
  constructor(
    repository: SignatureRepository,
    name: string,
    request: RequestText,
    backoff: Backoff,
    options: ForgeOptions,
  ) {
    this.#repository = repository;
    this.#name = name;
    this.#request = request;
    this.#token = options.token;
    this.#backoff = backoff;
    this.#hosted = parseHosted(repository.location);
    this.#forge = options.forge ?? (this.#hosted && guessForge(this.#hosted));
  }

  /**
   * The proposal of an earlier run, by its branch; undefined where there is none. Where GitHub has no open
   * request for the branch, it is opened.
   * @throws RepositoryError
   */
  async find(): Promise<Proposal | undefined> {
    const refs = await this.#repository.listRefs(this.#branchRef);
    return refs.has(this.#branchRef) ? this.#describeEarlier() : undefined;
  }

  /**
   * Proposes a commit; undefined where the branch that it was made on has moved, so that another is needed.
   * @throws RepositoryError
   */
  async open(commit: string): Promise<Proposal | undefined> {
    switch (this.#forge) {
      case 'github':
        return this.#openOnGithub(commit);
      case 'gitea':
        return this.#openOnGitea(commit);
      case 'gitlab':
      case undefined:
        return this.#openOnGitlab(commit);
    }
  }

  async #openOnGithub(commit: string): Promise<Proposal | undefined> {
    const said = await this.#push(commit, this.#branchRef);
    if (said === 'behind') return this.find();
    const branch = this.#name;
    const hosted = this.#hosted;
    if (!hosted || this.#token === undefined) {
      const link = findLink(said) ?? (hosted && compareLink(hosted, this.#request, branch));
      return { branch, link, isOpen: false };
    }
    const link = await openGithubRequest(hosted, this.#token, branch, this.#request);
    return { branch, link, isOpen: true };
  }

  /** Without a branch: Gitea keeps the proposal itself. */
  async #openOnGitea(commit: string): Promise<Proposal | undefined> {
    const ref = `refs/for/${this.#request.target}`;
    const options = giteaOptions(this.#name, this.#request);
    const said = await this.#tryOptions(commit, ref, options);
    if (said === 'behind') return undefined;
    const hosted = this.#hosted;
    const listed = hosted && listLink(hosted, 'gitea', this.#name);
    if (said === 'open') return { branch: undefined, link: listed, isOpen: true, isEarlier: true };
    if (said) return { branch: undefined, link: findLink(said) ?? listed, isOpen: true };
    const pushed = await this.#push(commit, this.#branchRef);
    if (pushed === 'behind') return this.find();
    const link = findLink(pushed) ?? (hosted && compareLink(hosted, this.#request, this.#name));
    return { branch: this.#name, link, isOpen: false };
  }

  /** Other hosts pass over options that they do not know. */
  async #openOnGitlab(commit: string): Promise<Proposal | undefined> {
    const options = gitlabOptions(this.#request);
    const opened = await this.#tryOptions(commit, this.#branchRef, options);
    const said = opened ?? (await this.#push(commit, this.#branchRef));
    if (said === 'behind' || said === 'open') return this.find();
    const isGitlab = this.#forge === 'gitlab';
    const listed = isGitlab && this.#hosted && listLink(this.#hosted, 'gitlab', this.#name);
    const link = findLink(said) ?? (listed || undefined);
    return { branch: this.#name, link, isOpen: opened !== undefined && isGitlab };
  }

  /** That of an earlier run, whose branch is at the remote. */
  async #describeEarlier(): Promise<Proposal> {
    const branch = this.#name;
    const hosted = this.#hosted;
    const earlier = { branch, isEarlier: true } as const;
    if (!hosted || this.#forge === undefined) return { ...earlier, link: undefined, isOpen: false };
    // Only GitHub is asked: elsewhere the request may be merged or closed by now, or was never opened.
    if (this.#forge === 'gitlab') {
      return { ...earlier, link: listLink(hosted, 'gitlab', branch), isOpen: false };
    }
    if (this.#forge === 'gitea' || this.#token === undefined) {
      return { ...earlier, link: compareLink(hosted, this.#request, branch), isOpen: false };
    }
    const link =
      (await findGithubRequest(hosted, this.#token, branch, this.#request)) ??
      (await openGithubRequest(hosted, this.#token, branch, this.#request));
    return { ...earlier, link, isOpen: true };
  }

  get #branchRef(): string {
    return `refs/heads/${this.#name}`;
  }

  /** What the remote said to a push with options; undefined where it takes none. */
  async #tryOptions(
    commit: string,
    ref: string,
    options: readonly string[],
  ): Promise<readonly string[] | 'behind' | 'open' | undefined> {
    const outcome = await this.#tryPush(commit, ref, options);
    if (outcome.kind === 'refused' && refusesOptions(outcome.error)) return undefined;
    if (outcome.kind === 'refused' && IS_OPEN.test(outcome.error.message)) return 'open';
    return readSaid(outcome, ref);
  }

  async #push(commit: string, ref: string): Promise<readonly string[] | 'behind'> {
    return readSaid(await this.#tryPush(commit, ref, []), ref);
  }

  /** Once more after a connection that breaks: the name stays, so there are never two of one proposal. */
  async #tryPush(commit: string, ref: string, options: readonly string[]): Promise<PushOutcome> {
    for (let attempts = 1; ; attempts++) {
      const outcome = await this.#repository.push(commit, ref, options);
      if (outcome.kind !== 'broken') return outcome;
      if (!(await this.#backoff.pause(attempts))) return this.#lookUp(commit, outcome.error);
    }
  }

  /** What came of a push of which nobody heard the end. */
  async #lookUp(commit: string, cause: RepositoryError): Promise<PushOutcome> {
    const refs = await this.#repository.listRefs('*').catch(() => undefined);
    // Gitea names what was pushed to refs/for/ by a ref of its own.
    if ([...(refs?.values() ?? [])].includes(commit)) return { kind: 'pushed', said: [] };
    const known = refs
      ? 'looked up afterwards, the repository does not have the proposal'
      : 'nobody knows whether the repository has the proposal';
    const hint = 'run the same command again later: what is proposed by then is not proposed twice';
    const error = new RepositoryError(`${cause.message}; ${known}`, { hint, cause });
    return { kind: 'broken', error };
  }
}

/** What the remote said to a push; `behind` where a branch of the name, or a newer state, is there by now. */
function readSaid(outcome: PushOutcome, ref: string): readonly string[] | 'behind' {
  switch (outcome.kind) {
    case 'pushed':
      return outcome.said;
    case 'overtaken':
      return 'behind';
    case 'broken':
    case 'refused':
      throw outcome.error;
    case 'locked':
      if (/reference already exists/.test(outcome.reason)) return 'behind';
      throw new RepositoryError(
        `nothing was proposed: ${ref} could not be made: ${outcome.reason}`,
        { hint: 'remove or rename what is in the way of that name' },
      );
  }
}

/** A page of a request, or that where one is opened, by its address at the known git hosts. */
const REQUEST_PAGE = /\/(?:merge_requests|pulls?|compare)(?:\/|\?|$)/;

/** Git hosts name such a page below a push, and may say other things. */
function findLink(said: readonly string[]): string | undefined {
  const links = said.flatMap((line) => /https?:\/\/\S+/.exec(line)?.[0] ?? []);
  return links.find((link) => REQUEST_PAGE.test(link)) ?? links[0];
}
