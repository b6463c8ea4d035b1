import { DirectoryInUseError } from '../generator/system/directory-lock.ts';
import { parseSource } from '../generator/sources/parse-source.ts';
import { makeSourceState, writeStaticTree } from '../generator/publish/static-tree.ts';
import { checkOnce, reportOn } from './check/check-once.ts';
import { UsageError } from './base/usage-error.ts';
import { formatText } from './check/format-text.ts';
import { hasColour, type ProcessIo } from './base/process-io.ts';
import type { Settings } from './base/options.ts';
import { tellRefused } from './inputs/tell-refused.ts';
import { messageOf } from '../generator/terms/errors.ts';

/**
 * `lookaside generate SOURCE --out DIR`. Faults are told on standard error; they fail the
 * run, and leave `DIR/current` as it is, only with `--on-invalid refuse`.
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
  const { store } = checked;
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
  const generation = await writeStaticTree(store, out, checked.source.commit, new Date()).catch(
    (cause: unknown) => {
      if (cause instanceof DirectoryInUseError) throw cause;
      const reason = messageOf(cause);
      const hint = 'what was published before is untouched';
      throw new UsageError(`cannot write below ${out}: ${reason}`, hint, { cause });
    },
  );
  const { signatures, repositories } = store;
  io.stdout.write(`${signatures} signatures of ${repositories} repositories in ${generation}\n`);
  return 0;
}

/** Of a directory nothing is kept; nor where that cannot be done. */
async function keptFor(source: string, out: string): Promise<string | undefined> {
  if (parseSource(source).kind !== 'git') return undefined;
  return makeSourceState(out).catch(() => undefined);
}
