// Brings the signatures of an upstream store here: read, verified with the upstream's keys, and handed to the
// signature repository, a batch of manifests at a time, so that whatever ends a run leaves what was pushed, and
// a memory of it. Nothing is ever removed here for what the upstream says, or does not say.
import pMap from 'p-map';
import { parseSignatureName } from '../../generator/terms/location.ts';
import type { Candidate } from '../gather/candidate.ts';
import type { PushRule } from '../push/batch.ts';
import { joinSubtree } from '../push/published-signatures.ts';
import { type PushReport, type PushedSignature, isInRepository } from '../push/push-report.ts';
import type { SignatureRepository } from '../target/signature-repository.ts';
import type { MirrorMemory, RememberedDirectory, RememberedSignature } from './mirror-memory.ts';
import { type WantedDigest, nameWanted } from './mirror-names.ts';
import {
  type MirrorReport,
  type MirroredDigest,
  type MirroredFile,
  type RepositoryReport,
  concludeDigest,
} from './mirror-report.ts';
import {
  type DirectoryReader,
  type DirectoryReading,
  type UpstreamFile,
  readUpstreamDirectory,
} from './read-upstream.ts';
import type { Doubt } from './upstream.ts';

export interface MirrorOptions {
  readonly repository: Pick<
    SignatureRepository,
    'location' | 'branch' | 'commit' | 'tree' | 'refresh'
  >;
  /** What is published of the repository, and a name for its rules, which changes when they do. */
  readonly readRule: () => Promise<Pick<PushRule, 'subtree'> & { readonly id: string }>;
  readonly reader: DirectoryReader;
  /** Hands signatures to the repository, or says what would become of them. */
  readonly push: (candidates: readonly Candidate[]) => Promise<PushReport>;
  readonly memory: MirrorMemory;
  /** Manifests that are read at once. */
  readonly jobs: number;
  /** Manifests whose signatures are pushed together. */
  readonly batch: number;
  /** After this time what is known to be whole is read again. Milliseconds. */
  readonly reread: number;
  /** Whether nothing is pushed, and nothing remembered. */
  readonly isDryRun: boolean;
  /** Is told of each manifest that was read. */
  readonly onRead: () => void;
}

/** A manifest that is worked on. */
interface Task {
  readonly wanted: WantedDigest;
  /** What the memory calls it. */
  readonly name: string;
}

/** What was read of a manifest, and what of it the repository has already. */
interface ReadTask extends Task {
  readonly reading: DirectoryReading | 'fresh' | 'unasked';
  readonly held: ReadonlyMap<string, string>;
}

/**
 * Mirrors the signatures of manifests; those that no run has asked for come first.
 * @throws RepositoryError where the repository cannot be read or takes no push; what was pushed before stays
 */
export async function mirrorSignatures(
  wanted: readonly WantedDigest[],
  options: MirrorOptions,
): Promise<MirrorReport> {
  return new MirrorRun(options).run(wanted);
}

class MirrorRun {
  readonly #options: MirrorOptions;
  #about: RepositoryReport;
  /** The name of the rules that the repository was seen with last. */
  #rules = '';

  constructor(options: MirrorOptions) {
    this.#options = options;
    const { location, branch, commit } = options.repository;
    this.#about = { repository: location, branch, commit };
  }

  async run(wanted: readonly WantedDigest[]): Promise<MirrorReport> {
    const { repository, batch, memory, reader, isDryRun } = this.#options;
    const tasks = this.#arrange(wanted);
    const digests = new Map<WantedDigest, MirroredDigest>();
    for (let at = 0; at < tasks.length; at += batch) {
      if (at > 0) await repository.refresh();
      const outcomes = await this.#mirror(tasks.slice(at, at + batch));
      for (const one of outcomes) digests.set(one.wanted, one);
      if (!isDryRun) await memory.save(reader.now.getTime());
    }
    return { ...this.#about, digests: wanted.flatMap((one) => digests.get(one) ?? []) };
  }

  /** What was never tried comes first, and then what was not tried for longest. */
  #arrange(wanted: readonly WantedDigest[]): readonly Task[] {
    const { memory } = this.#options;
    const tasks = wanted.map((one) => {
      const name = nameWanted(one);
      const task: Task = { wanted: one, name };
      return { task, triedAt: memory.find(name)?.triedAt ?? -Infinity };
    });
    return tasks.toSorted((a, b) => a.triedAt - b.triedAt || 0).map(({ task }) => task);
  }

  async #mirror(tasks: readonly Task[]): Promise<readonly MirroredDigest[]> {
    const { jobs, onRead } = this.#options;
    const held = await this.#findHeld(tasks);
    const readOne = async (task: Task): Promise<ReadTask> => {
      const here = held.get(task.wanted.place.directory) ?? new Map<string, string>();
      const reading = await this.#read(task, here);
      onRead();
      return { ...task, reading, held: here };
    };
    const read = await pMap(tasks, readOne, { concurrency: jobs });
    const fates = await this.#push(read);
    return read.map((task) => this.#conclude(task, fates));
  }

  /** The paths of files that the repository has in the directories of manifests, by the names of their bytes. */
  async #findHeld(
    tasks: readonly Task[],
  ): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
    const { repository, readRule } = this.#options;
    const { subtree, id: rules } = await readRule();
    this.#rules = rules;
    const paths = new Map(
      tasks.map(({ wanted: { place } }) => [
        joinSubtree(subtree, place.directory),
        place.directory,
      ]),
    );
    const lists = await repository.tree.list(paths.keys());
    return new Map(
      [...paths].map(([path, directory]) => {
        const files = (lists.get(path) ?? []).filter(
          ({ name, kind }) => kind === 'file' && parseSignatureName(name) !== undefined,
        );
        return [directory, new Map(files.map(({ id, name }) => [id, `${path}/${name}`]))];
      }),
    );
  }

  async #read(task: Task, held: ReadonlyMap<string, string>): Promise<ReadTask['reading']> {
    const { memory, reader, reread } = this.#options;
    const before = memory.find(task.name);
    const now = reader.now.getTime();
    const isKnown = before && (before.rules === this.#rules || !before.signatures.includes(null));
    if (isKnown && isFresh(before, held, now, reread)) return 'fresh';
    if (reader.upstream.isAway) return 'unasked';
    // What is not here any more has to be read, and not only asked about.
    const known = (before?.signatures ?? []).map((one) =>
      one && held.has(one.blob) ? one : undefined,
    );
    return readUpstreamDirectory(task.wanted, known, reader);
  }

  /** Hands on what is not here yet; gives what became of each such file. */
  async #push(tasks: readonly ReadTask[]): Promise<ReadonlyMap<UpstreamFile, Fate>> {
    const sent = tasks.flatMap(({ reading, held, wanted: { place, directory } }) => {
      const files = typeof reading === 'string' ? [] : reading.files;
      return files
        .filter((file) => file.kind === 'good')
        .filter(({ blob }) => !held.has(blob))
        .map((file) => ({ file, place, origin: `${directory}, number ${file.number}` }));
    });
    if (sent.length === 0) return new Map();
    const { signatures, ...about } = await this.#options.push(
      sent.map(({ file: { bytes }, place, origin }) => ({ origin, bytes, place })),
    );
    this.#about = { ...this.#about, ...about };
    const isProposed = about.proposal !== undefined;
    return new Map(
      sent.map(({ file, origin }, at) => {
        const pushed = signatures[at];
        if (!pushed) throw new Error(`nothing was said of ${origin}`);
        return [file, describePushed(file, pushed, isProposed)] as const;
      }),
    );
  }

  /** What is told of a manifest, and remembered of it. */
  #conclude(task: ReadTask, fates: ReadonlyMap<UpstreamFile, Fate>): MirroredDigest {
    const { wanted, name, reading, held } = task;
    const { memory, reader } = this.#options;
    const before = memory.find(name);
    if (reading === 'unasked') return { wanted, status: reading, files: [], doubt: AWAY };
    if (reading === 'fresh') {
      const known = (before?.signatures ?? []).map((one, at) => [one?.blob, at + 1] as const);
      const files = known.flatMap(([blob, number]): readonly MirroredFile[] => {
        const path = blob === undefined ? undefined : held.get(blob);
        return path === undefined ? [] : [{ number, status: 'there', path, signature: undefined }];
      });
      return concludeDigest(wanted, files, undefined);
    }
    const all = reading.files.map((file) => fates.get(file) ?? describeUnsent(file, held));
    const outcome = concludeDigest(
      wanted,
      all.map((one) => one.told),
      reading.doubt,
    );
    const now = reader.now.getTime();
    const isWhole =
      reading.doubt === undefined && outcome.files.every(({ status }) => status !== 'refused');
    memory.note(name, {
      readAt: isWhole ? now : null,
      triedAt: now,
      rules: this.#rules,
      signatures: rememberAll(
        reading,
        all.map(({ isHere }) => isHere),
        before,
      ),
    });
    return outcome;
  }
}

/** By numbers. Of what was not read now, an earlier run may know more. */
function rememberAll(
  { files, doubt }: DirectoryReading,
  areHere: readonly boolean[],
  before: RememberedDirectory | undefined,
): RememberedDirectory['signatures'] {
  const earlier = doubt ? (before?.signatures ?? []) : [];
  const read = new Map(
    files.map(({ number, blob, etag }, at) => {
      const isHere = blob !== undefined && areHere[at] === true;
      return [number, isHere ? remember(blob, etag) : null] as const;
    }),
  );
  const length = Math.max(earlier.length, files.at(-1)?.number ?? 0);
  return Array.from({ length }, (_, at) => {
    const now = read.get(at + 1);
    return now === undefined ? (earlier[at] ?? null) : now;
  });
}

/** What becomes of a file, and whether the branch has its bytes. */
interface Fate {
  readonly told: MirroredFile;
  readonly isHere: boolean;
}

const AWAY: Doubt = { message: 'the store did not answer for others before', isPassing: true };

function describePushed(
  { number, signature }: Extract<UpstreamFile, { readonly kind: 'good' }>,
  pushed: PushedSignature,
  isProposed: boolean,
): Fate {
  const isHere = isInRepository(pushed) && !isProposed;
  const { status } = pushed;
  return status === 'refused'
    ? { told: { number, status, by: 'target', rejection: pushed.rejection, signature }, isHere }
    : { told: { number, status, path: pushed.path, signature }, isHere };
}

/** What was refused upstream, or lies here already. */
function describeUnsent(file: UpstreamFile, held: ReadonlyMap<string, string>): Fate {
  const { number } = file;
  if (file.kind === 'refused') {
    const { rejection } = file;
    const told: MirroredFile = {
      number,
      status: 'refused',
      by: 'upstream',
      rejection,
      signature: undefined,
    };
    return { told, isHere: false };
  }
  const signature = file.kind === 'good' ? file.signature : undefined;
  return { told: { number, status: 'there', path: held.get(file.blob), signature }, isHere: true };
}

function remember(blob: string, etag: string | undefined): RememberedSignature {
  return etag !== undefined && PLAIN_ETAG.test(etag) ? { blob, etag } : { blob };
}

/** Others could not be sent back. */
const PLAIN_ETAG = /^[\x21-\x7e]{1,1000}$/;

/** Whether what was read lies here, all that was taken of it, and was read lately. */
function isFresh(
  { readAt, signatures }: RememberedDirectory,
  held: ReadonlyMap<string, string>,
  now: number,
  reread: number,
): boolean {
  const taken = signatures.filter((one) => one !== null);
  if (readAt === null || taken.length === 0) return false;
  // A clock that was set back says nothing.
  const age = now - readAt;
  return age >= 0 && age < reread && taken.every(({ blob }) => held.has(blob));
}
