import { dirname } from 'node:path';
import { DirectoryInUseError } from '../generator/system/directory-lock.ts';
import { parseSource } from '../generator/sources/parse-source.ts';
import {
  makeSourceState,
  readPublished,
  writeStaticTree,
} from '../generator/publish/static-tree.ts';
import { checkOnce, reportOn } from './check/check-once.ts';
import { UsageError } from './base/usage-error.ts';
import { formatText } from './check/format-text.ts';
import { hasColour, type ProcessIo } from './base/process-io.ts';
import type { Settings } from './base/options.ts';
import { tellRefused } from './inputs/tell-refused.ts';
import { messageOf } from '../generator/terms/errors.ts';
import type { RejectionCode } from '../generator/terms/rejection.ts';
import { toPrintable } from '../generator/terms/text.ts';
import type { SignatureStore } from '../generator/store/store.ts';

/**
 * `lookaside generate SOURCE --out DIR`. Faults are told on standard error; they fail the
 * run, and leave `DIR/current` as it is, only with `--on-invalid refuse`. A scope that cannot be judged
 * fails it too, and nothing that is published goes for lack of its keys, or of gpgv.
 */
export async function generate(source: string, settings: Settings, io: ProcessIo): Promise<number> {
  return tellRefused(io, async () => generateFrom(source, settings, io));
}

async function generateFrom(source: string, settings: Settings, io: ProcessIo): Promise<number> {
  const { out } = settings;
  if (out === undefined)
    throw new UsageError('generate needs a place to write to', 'give --out DIR');
  const kept = await keptFor(source, out);
  const checked = await checkOnce(source, settings, io, kept);
  const { store, keyFaults = [] } = checked;
  const report = reportOn(checked, store.noteworthy());
  io.stderr.write(
    formatText(report, { colour: hasColour(io.stderr, io.environment), strict: false }),
  );
  if (settings['on-invalid'] === 'refuse' && report.summary.rejected > 0) {
    io.stderr.write(
      `lookaside: nothing was written: ${report.summary.rejected} files are rejected\n`,
    );
    return 1;
  }
  const loss = await describeLoss(store, out, keyFaults.length > 0);
  if (loss !== undefined) {
    io.stderr.write(`lookaside: nothing was written: ${loss}\n`);
    return 1;
  }
  const generation = await writeStaticTree(store, out, checked.source.commit, new Date()).catch(
    (cause: unknown) => {
      if (cause instanceof DirectoryInUseError) throw cause;
      const reason = messageOf(cause);
      const hint =
        'name a directory with --out that this user can write to, with room on its disk; what was published before is untouched';
      throw new UsageError(`cannot write below ${out}: ${reason}`, hint, { cause });
    },
  );
  const { signatures, repositories } = store;
  io.stdout.write(`${signatures} signatures of ${repositories} repositories in ${generation}\n`);
  return keyFaults.some(({ code }) => code === 'scope-not-judged') ? 1 : 0;
}

/** Digest directories. */
const MOST_NAMED = 3;

/** Verdicts that the keys of a file that cannot be used could turn into a yes. */
const FOR_LACK_OF_KEYS: ReadonlySet<RejectionCode> = new Set([
  'cannot-verify',
  'unknown-signer',
  'key-expired',
]);

/** Those that only another engine could. */
const FOR_LACK_OF_ENGINE: ReadonlySet<RejectionCode> = new Set(['cannot-verify']);

/** What is published and would go only because nobody can judge it now; undefined if nothing would. */
async function describeLoss(
  store: SignatureStore,
  out: string,
  lacksKeys: boolean,
): Promise<string | undefined> {
  const codes = lacksKeys ? FOR_LACK_OF_KEYS : FOR_LACK_OF_ENGINE;
  const rejected = [...store.rejectedFiles()].filter(({ code }) => codes.has(code));
  const directories = new Map(rejected.map((file) => [dirname(file.path), file]));
  const lost: string[] = [];
  for (const directory of directories.keys()) {
    const wanted = store.signaturesIn(directory).map(({ bytes }) => bytes);
    const published = await readPublished(out, directory);
    if (!published.every((bytes) => wanted.some((one) => bytes.equals(one)))) lost.push(directory);
  }
  const [first] = lost;
  if (first === undefined) return undefined;
  const some = lost.slice(0, MOST_NAMED).map(toPrintable).join(', ');
  const more = lost.length > MOST_NAMED ? ` and ${lost.length - MOST_NAMED} more` : '';
  const what = `published signatures would be lost: ${some}${more}`;
  if (lacksKeys) return `for lack of these keys, ${what}`;
  return `while they cannot be verified, ${what}\nhint: ${directories.get(first)?.hint ?? ''}`;
}

/** Of a directory nothing is kept; nor where that cannot be done. */
async function keptFor(source: string, out: string): Promise<string | undefined> {
  if (parseSource(source).kind !== 'git') return undefined;
  return makeSourceState(out).catch(() => undefined);
}
