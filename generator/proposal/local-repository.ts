// A git repository on this machine, read as it lies: nothing in it is changed, no remote is asked, and
// no program that its configuration names is started. In a hook the objects of the push are seen only
// through variables that git has set there; whoever opens the repository hands them on.
import { GitObjects } from '../sources/git/objects/git-objects.ts';
import { ObjectMissingError, type GitObject } from '../sources/git/objects/cat-file.ts';
import { type GitEnvironment, SHORT_GIT, runGit } from '../sources/git/processes/git-child.ts';
import { SourceError } from '../sources/source.ts';
import { toComplaint } from '../system/output-tail.ts';
import { formatBytes } from '../terms/text.ts';

/** Larger than any file of keys or configuration: what a push brings is not all read into memory. Bytes. */
const MOST_BYTES = 16 * 1024 ** 2;

/** Something that is there and is too large to be read. */
export class TooLargeError extends SourceError {}

export class LocalRepository {
  readonly objects: GitObjects;
  readonly #ending: AbortSignal | undefined;

  /** `directory` is the repository itself, absolute: of a checkout, its `.git`. */
  constructor(directory: string, environment: GitEnvironment, ending: AbortSignal | undefined) {
    // The history is what the commits say: no file puts others in the place of their parents.
    const own = { ...environment, GIT_GRAFT_FILE: '/dev/null' };
    this.objects = new GitObjects(directory, own, ending);
    this.#ending = ending;
  }

  /** The commit that a revision names, in full; undefined if it names none that is here. */
  async commitOf(revision: string): Promise<string | undefined> {
    return (await this.#find(`${revision}^{commit}`))?.id;
  }

  /** What a revision names; undefined if it names nothing that is here. */
  async typeOf(revision: string): Promise<string | undefined> {
    return (await this.#find(revision))?.type;
  }

  /** Whether it is a clone without the whole history. Throws a SourceError. */
  async isShallow(): Promise<boolean> {
    const { exitCode, stdout, stderr } = await this.#run('rev-parse', '--is-shallow-repository');
    if (exitCode === 0) return stdout.trim() === 'true';
    throw new SourceError(`git rev-parse failed: ${toComplaint(stderr)}`);
  }

  /** The object name of the directory at a path of a commit; '' is the whole. Undefined if there is none. */
  async treeAt(commit: string, path: string): Promise<string | undefined> {
    const found = await this.#find(path === '' ? `${commit}^{tree}` : `${commit}:${path}`);
    return found?.type === 'tree' ? found.id : undefined;
  }

  /** The newest commit that both were made on; undefined if none is here. */
  async mergeBase(one: string, other: string): Promise<string | undefined> {
    const { exitCode, stdout, stderr } = await this.#run('merge-base', one, other);
    if (exitCode === 0) return stdout.trim();
    if (exitCode === 1) return undefined;
    throw new SourceError(`git merge-base failed: ${toComplaint(stderr)}`);
  }

  /**
   * The ref that a symbolic one stands for, as `refs/heads/main` for HEAD, whether that is there or not;
   * undefined for a ref that is not symbolic.
   */
  async referent(ref: string): Promise<string | undefined> {
    const { exitCode, stdout, stderr } = await this.#run('symbolic-ref', '--quiet', ref);
    if (exitCode === 0) return stdout.trim();
    if (exitCode === 1) return undefined;
    throw new SourceError(`git symbolic-ref failed: ${toComplaint(stderr)}`);
  }

  /** The sizes of objects in bytes, by their names. Throws a SourceError. */
  async sizes(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const found = await Promise.all(ids.map(async (id) => this.objects.sizes.ask(id)));
    return new Map(ids.map((id, index) => [id, found[index]?.size ?? 0]));
  }

  /** Sees that objects are here and small enough to be read. Throws a SourceError, or a TooLargeError. */
  async bring(ids: Iterable<string>): Promise<void> {
    const found = await Promise.all(Array.from(ids, async (id) => this.objects.sizes.ask(id)));
    const large = found.find(({ size }) => size > MOST_BYTES);
    if (large === undefined) return;
    const most = formatBytes(MOST_BYTES);
    throw new TooLargeError(`the ${large.type} ${large.id} is larger than ${most}`, {
      hint: 'see what stands in place of the configuration and the keys',
    });
  }

  /** The bytes of such an object. Throws a SourceError. */
  async read(id: string): Promise<Buffer> {
    const { bytes } = await this.objects.contents().ask(id);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  async close(): Promise<void> {
    await this.objects.close();
  }

  async #find(name: string): Promise<GitObject | undefined> {
    // A question is a line.
    if (/[\n\0]/.test(name)) return undefined;
    try {
      return await this.objects.sizes.ask(name);
    } catch (error) {
      if (error instanceof ObjectMissingError) return undefined;
      throw error;
    }
  }

  async #run(
    command: string,
    ...args: readonly string[]
  ): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
    const { directory, environment } = this.objects;
    const options = { limits: SHORT_GIT, ending: this.#ending };
    const end = await runGit(directory, environment, [command, ...args], options);
    return { ...end, stdout: end.stdout.toString() };
  }
}
