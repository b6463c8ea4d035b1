// What a server keeps of a source in the state directory for its next start. Nothing of it is needed
// to serve: what cannot be read or written is logged, and harms nothing; what stays unwritable is shown
// to operators until it works again.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { GivenUpFile } from '../../generator/openpgp/given-up-file.ts';
import type { GivenUp } from '../../generator/openpgp/given-up.ts';
import type { Source } from '../../generator/sources/source.ts';
import { CheckpointFile } from '../../generator/store/checkpoint/checkpoint-file.ts';
import { PRIVATE_DIRECTORY, makeDirectories } from '../../generator/system/make-directories.ts';
import { ManifestFile } from '../../generator/resolve/manifest-memory.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { hasCode, messageOf } from '../../generator/terms/errors.ts';
import { NumbersFile } from '../../server/numbers/numbers-file.ts';
import { LostFile } from '../../server/lost/lost-file.ts';
import { OlderFiles } from '../../server/follow/older-files.ts';
import { TriedCommit } from '../../server/follow/tried-commit.ts';
import { RefusedFile } from '../../server/refused/refused-file.ts';
import type { Troubles } from '../../server/troubles/troubles.ts';
import { LastGoodKeys } from './last-good-keys.ts';
import { STATE_DIRECTORY_HINT, stateFile } from '../inputs/state-file.ts';

/** What is said of a file that fails. */
interface FileWords {
  /** What operators are told of, among the other parts of the state directory. */
  readonly part: string;
  readonly unreadable: string;
  readonly unwritable: string;
}

export class StateFiles {
  readonly #directory: string;
  readonly #source: Pick<Source, 'kind' | 'location'>;
  readonly #troubles: Troubles;
  readonly #log: ProgramLog;

  /** Touches nothing yet. */
  constructor(
    directory: string,
    source: Pick<Source, 'kind' | 'location'>,
    troubles: Troubles,
    log: ProgramLog,
  ) {
    this.#directory = directory;
    this.#source = source;
    this.#troubles = troubles;
    this.#log = log;
  }

  /** Key files that were good last. */
  openKeys(): LastGoodKeys {
    const { kind, location } = this.#source;
    return new LastGoodKeys({
      ...this.#optionsFor('keys', {
        part: 'keys',
        unreadable: 'the keys that were good last cannot be read; what is there now has to do',
        unwritable: 'keys cannot be kept for a start at which their files cannot be used',
      }),
      source: kind === 'git' ? location : resolve(location),
    });
  }

  /** Refused pulls. */
  openRefused(): RefusedFile {
    const words = {
      part: 'refused pulls',
      unreadable: 'refused pulls of earlier runs cannot be read; counting starts again',
      unwritable: 'refused pulls cannot be kept for the next start',
    };
    const options = this.#optionsFor('refused', words);
    const onUnreadable = (error: unknown): void =>
      this.#raise(options.path, words.part, words.unreadable, error);
    return new RefusedFile({ ...options, onUnreadable });
  }

  /** Files that are served in place of those that gpgv gives no verdict about. */
  openOlder(): OlderFiles {
    return new OlderFiles(
      this.#optionsFor('older', {
        part: 'older files',
        unreadable: 'files that were served in place of others cannot be read',
        unwritable: 'files that are served in place of others cannot be kept for the next start',
      }),
    );
  }

  /** Numbers that caches may hold. */
  openNumbers(): NumbersFile {
    return new NumbersFile(
      this.#optionsFor('numbers', {
        part: 'numbers of signatures',
        unreadable: 'which numbers caches may hold cannot be read; signatures are numbered anew',
        unwritable: 'which numbers caches may hold cannot be kept for the next start',
      }),
    );
  }

  /** What was taken away, and who did that. */
  openLost(): LostFile {
    return new LostFile(
      this.#optionsFor('lost', {
        part: 'lost signatures',
        unreadable: 'what was taken away before the start cannot be read',
        unwritable: 'what was taken away cannot be kept for the next start',
      }),
    );
  }

  /** What manifests are, which registries have told. */
  openManifests(): ManifestFile {
    return new ManifestFile(
      this.#optionsFor('manifests', {
        part: 'manifests',
        unreadable: 'what manifests are cannot be read; registries are asked again',
        unwritable: 'what manifests are cannot be kept for the next start',
      }),
    );
  }

  /** Messages that gpgv gave up. */
  openGivenUp(givenUp: GivenUp): GivenUpFile {
    return new GivenUpFile(
      givenUp,
      this.#optionsFor('given-up', {
        part: 'messages without a verdict',
        unreadable: 'the list of messages that gpgv gave up on cannot be read; gpgv is asked again',
        unwritable: 'the list of messages that gpgv gave up on cannot be kept for the next start',
      }),
    );
  }

  /** The commit that is being judged; undefined for a directory, which has none. */
  openTried(): TriedCommit | undefined {
    if (this.#source.kind !== 'git') return undefined;
    const path = this.#pathOf('tried');
    return new TriedCommit({
      path,
      elapsed: () => performance.now(),
      onError: (error) => this.#warn(path, 'cannot note which commit is being judged', error),
    });
  }

  /**
   * The store as it was served last. Undefined where the directory cannot be written: then every start
   * verifies everything, which is no reason not to start.
   */
  async openCheckpoint(): Promise<CheckpointFile | undefined> {
    const path = this.#pathOf('checkpoint');
    const message = 'the checkpoint cannot be written; the next start is slower';
    const onError = (error: unknown): void => this.#raise(path, 'checkpoint', message, error);
    try {
      await makeWritable(this.#directory);
    } catch (error) {
      this.#log.warn(
        { path: this.#directory, error: messageOf(error), hint: STATE_DIRECTORY_HINT },
        'nothing is kept for the next start: it verifies every file again, and knows no refused pulls',
      );
      onError(error);
      return undefined;
    }
    return new CheckpointFile(path, onError);
  }

  #pathOf(kind: string): string {
    return stateFile(this.#directory, this.#source.location, kind);
  }

  #optionsFor(kind: string, { part, unreadable, unwritable }: FileWords) {
    const path = this.#pathOf(kind);
    return {
      path,
      onUnreadable: (error: unknown): void => this.#warn(path, unreadable, error),
      onUnwritable: (error: unknown): void => this.#raise(path, part, unwritable, error),
      onWritten: (): void => this.#troubles.clear('state-directory', part),
    };
  }

  #warn(path: string, message: string, error: unknown): void {
    this.#log.warn({ path, error: messageOf(error) }, message);
  }

  #raise(path: string, part: string, message: string, error: unknown): void {
    this.#warn(path, message, error);
    const words = { message: `${message}: ${messageOf(error)}`, hint: STATE_DIRECTORY_HINT };
    this.#troubles.raise('state-directory', words, part);
  }
}

async function makeWritable(directory: string): Promise<void> {
  await makeDirectories(directory, PRIVATE_DIRECTORY).catch((error: unknown) => {
    throw hasCode(error, 'EEXIST')
      ? new Error(`${directory} is not a directory`, { cause: error })
      : error;
  });
  await access(directory, constants.W_OK | constants.X_OK);
}
