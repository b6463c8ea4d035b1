import { DirectoryInUseError } from '../generator/directory-lock.ts';
import { writeStaticTree } from '../generator/static-tree.ts';
import { checkOnce } from './check.ts';
import { Complaint } from './complaint.ts';
import { formatText } from './format-text.ts';
import type { Settings } from './options.ts';
import type { World } from './world.ts';
import { messageOf } from '../generator/message-of.ts';

/**
 * `lookaside generate SOURCE --out DIR`. Faults are told on standard error; they fail the
 * run, and leave `DIR/current` as it is, only with `--on-invalid refuse`.
 */
export async function generate(source: string, settings: Settings, world: World): Promise<number> {
  const { out } = settings;
  if (out === undefined)
    throw new Complaint('generate needs a place to write to', 'give --out DIR');
  const { store, report, commit } = await checkOnce(source, settings, world);
  world.stderr.write(formatText(report, { colour: false, strict: false }));
  if (settings['on-invalid'] === 'refuse' && report.summary.rejected > 0) {
    world.stderr.write(
      `lookaside: nothing was written: ${report.summary.rejected} files are rejected\n`,
    );
    return 1;
  }
  const generation = await writeStaticTree(store, out, commit, new Date()).catch(
    (cause: unknown) => {
      if (cause instanceof DirectoryInUseError) throw cause;
      const reason = messageOf(cause);
      const hint = 'what was published before is untouched';
      throw new Complaint(`cannot write below ${out}: ${reason}`, hint, { cause });
    },
  );
  const { signatures, repositories } = store;
  world.stdout.write(`${signatures} signatures of ${repositories} repositories in ${generation}\n`);
  return 0;
}
