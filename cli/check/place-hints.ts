// Cures name files as the published directory has them. Whoever reads them stands elsewhere: they are to be
// pasted where the check was run.
import { posix } from 'node:path';
import { type CheckReport, isRejected } from '../../generator/store/report.ts';
import { hasPlaceIn, moveFileIn } from '../../generator/terms/rejection.ts';

/** Where the published directory is, for a shell. */
export type PublishedPlace =
  /** On this machine, from the current directory. */
  | { readonly kind: 'here'; readonly directory: string }
  /** In any checkout, from its root: '' or a path. */
  | { readonly kind: 'in-checkout'; readonly directory: string };

/** The report with cures that a shell can run: in the current directory, or at the root of a checkout. */
export function placeHints(report: CheckReport, place: PublishedPlace): CheckReport {
  const directory = posix.normalize(place.directory === '' ? '.' : place.directory);
  const files = report.files.map((file) => {
    if (!isRejected(file) || !hasPlaceIn(file.hint, file.path)) return file;
    const hint =
      directory === '.'
        ? file.hint
        : moveFileIn(file.hint, file.path, posix.join(directory, file.path), directory);
    return { ...file, hint: place.kind === 'here' ? hint : `${hint} ${AT_ROOT}` };
  });
  return { ...report, files };
}

const AT_ROOT = 'Run it at the root of a checkout.';
