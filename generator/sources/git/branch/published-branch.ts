// The branch of the state that was published last. If another branch is followed now, that state may
// have what was withdrawn there: it is not served, however long the remote is down.
import { readFile } from 'node:fs/promises';
import { replaceBytes } from '../../../system/durable.ts';
import { SourceError } from '../../source.ts';
import { isBranchName } from './branch-name.ts';
import type { FollowedBranch } from './followed-branch.ts';

const NAMED = 'named';
/** The remote's default branch. It may choose another one: whoever follows the default follows both. */
const DEFAULT = 'default';

export class PublishedBranch {
  readonly #file: string;
  readonly #followed: FollowedBranch;

  /** `file` is where the note is kept, beside the clone. */
  constructor(file: string, followed: FollowedBranch) {
    this.#file = file;
    this.#followed = followed;
  }

  /** @throws SourceError where the state is of another branch than the one that is followed. */
  async assertFollowed(): Promise<void> {
    const noted = parse(await this.#read());
    if (noted === undefined) return;
    const isFollowingDefault = this.#followed.findAgain !== undefined;
    if (isFollowingDefault && noted.how === DEFAULT) return;
    const branch = this.#followed.known();
    if (branch === noted.branch) return;
    const wanted = branch === undefined ? 'the default branch' : `branch ${branch}`;
    throw new SourceError(`it is from branch ${noted.branch}, but ${wanted} is followed now`, {
      hint: 'wait for the git host, or follow the earlier branch again',
    });
  }

  /**
   * Notes the branch of the state that is published next. Where the one that is published is of another
   * branch, `forget` removes it first: a kill in between never leaves it under a wrong name.
   */
  async note(forget: () => Promise<void>): Promise<void> {
    const branch = this.#followed.known();
    if (branch === undefined) return;
    const how = this.#followed.findAgain === undefined ? NAMED : DEFAULT;
    const text = `${how} ${branch}\n`;
    const before = await this.#read();
    if (before === text) return;
    if (parse(before)?.branch !== branch) await forget();
    await replaceBytes(this.#file, text);
  }

  async #read(): Promise<string> {
    return readFile(this.#file, 'utf8').catch(() => '');
  }
}

/** Undefined for anything but a note. */
function parse(text: string): { readonly how: string; readonly branch: string } | undefined {
  const [, how, branch] = /^(named|default) (.+)\n$/.exec(text) ?? [];
  return how === undefined || branch === undefined || !isBranchName(branch)
    ? undefined
    : { how, branch };
}
