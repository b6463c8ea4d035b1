// Signatures that go to a directory, beside what it has, for somebody to push them. They lie where skopeo
// and podman would put them, or, if their scope has a prefix, where they are served: a checkout of the
// signature repository does too.
import { lstat, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlacedSignature, PlacingJudge } from '../../generator/gate/placing-judge.ts';
import { checkBlobSize } from '../../generator/openpgp/signature-file.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import { writeNew } from '../../generator/system/durable.ts';
import { makeDirectories } from '../../generator/system/make-directories.ts';
import { hasCode } from '../../generator/terms/errors.ts';
import {
  type ImageDirectory,
  formatLocation,
  parseSignatureName,
} from '../../generator/terms/location.ts';
import { type Rejection, isRejection } from '../../generator/terms/rejection.ts';
import {
  type Delivered,
  type Delivery,
  type Destination,
  type MadeSignature,
  findMaker,
  placeOf,
} from './destination.ts';
import { type Statement, statementId } from './statement.ts';

export interface DirectoryDestinationOptions {
  /** It need not be there. */
  readonly directory: string;
  readonly policy: Policy;
  readonly judge: PlacingJudge;
  readonly now: () => Date;
  readonly close: () => Promise<void>;
}

/** Signatures are public. */
const MODE = 0o644;

export class DirectoryDestination implements Destination {
  readonly #options: DirectoryDestinationOptions;

  constructor(options: DirectoryDestinationOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.directory;
  }

  get policy(): Policy {
    return this.#options.policy;
  }

  async findMade(
    statements: readonly Statement[],
    fingerprint: string,
  ): Promise<ReadonlyMap<string, MadeSignature>> {
    const made = new Map<string, MadeSignature>();
    for (const statement of statements) {
      const place = placeOf(this.#options.policy, statement);
      const good = place ? await this.#readGood(place) : [];
      const maker = findMaker(statement, fingerprint, good);
      if (maker) made.set(statementId(statement), maker);
    }
    return made;
  }

  async judge(bytes: Uint8Array): Promise<PlacedSignature | Rejection> {
    const { judge, now } = this.#options;
    return judge.place(bytes, now());
  }

  async deliver(signatures: readonly PlacedSignature[]): Promise<Delivery> {
    const delivered: Delivered[] = [];
    try {
      for (const { place, signature } of signatures) {
        const path = await this.#add(place, signature.bytes);
        delivered.push({ path, isNew: true, warnings: signature.warnings });
      }
    } catch (error) {
      // Half of what was wanted is nothing that somebody should push.
      await Promise.allSettled(delivered.map(async ({ path }) => rm(this.#pathOf(path))));
      throw error;
    }
    return { commit: undefined, delivered };
  }

  async close(): Promise<void> {
    await this.#options.close();
  }

  /** Writes a file under the first number above all that are there; gives its path. */
  async #add({ directory }: ImageDirectory, bytes: Uint8Array): Promise<string> {
    await makeDirectories(this.#pathOf(directory));
    for (;;) {
      const number = Math.max(0, ...(await this.#readNumbers(directory))) + 1;
      const path = formatLocation(directory, number);
      try {
        await writeNew(this.#pathOf(path), MODE, async (file) => {
          await file.writeFile(bytes);
          return true;
        });
        return path;
      } catch (error) {
        // Somebody else was faster: their file stays.
        if (!hasCode(error, 'EEXIST')) throw error;
      }
    }
  }

  /** The signatures at a place that nodes would accept. */
  async #readGood(place: ImageDirectory): Promise<readonly MadeSignature[]> {
    const { judge, now } = this.#options;
    const good: MadeSignature[] = [];
    for (const number of await this.#readNumbers(place.directory)) {
      const path = formatLocation(place.directory, number);
      const file = this.#pathOf(path);
      const stats = await lstat(file);
      // What is no file is no signature, and whoever reads from a pipe waits.
      if (!stats.isFile() || checkBlobSize(stats.size)) continue;
      const bytes = await readFile(file);
      const verdict = await judge.judge({ ...place, number }, bytes, now());
      if (!isRejection(verdict)) good.push({ path, signature: verdict });
    }
    return good;
  }

  async #readNumbers(directory: string): Promise<readonly number[]> {
    const names = await readdir(this.#pathOf(directory)).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    });
    return names.flatMap((name) => parseSignatureName(name) ?? []);
  }

  /** Of a file or directory in it, by its path from there. */
  #pathOf(path: string): string {
    return join(this.#options.directory, path);
  }
}
