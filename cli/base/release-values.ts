// Release areas as the configuration file writes them.
import { z } from 'zod';
import { isBelow } from '../../generator/release/release-area.ts';
import { isReleaseBase } from '../../generator/terms/release-location.ts';
import { expected, several } from './option-values.ts';
import { prefix } from './scope-values.ts';

/** A place of signatures of releases, in the source or on the wire. */
const releasePlace = prefix.refine(isReleaseBase, {
  error: ({ input }) =>
    `expected a path without sha256=… and @sha256=…, got ${JSON.stringify(input)}`,
});

const release = z.strictObject({
  prefix: releasePlace.default(''),
  from: releasePlace,
  keys: several,
});

/** The members of a release area. */
export const RELEASE_MEMBERS = [Object.keys(release.shape)];

/** Areas of which none lies in another one: neither in the source, nor where they are served. */
export const releases = z
  .array(release, expected('a list of release areas'))
  .min(1, 'expected at least one release area, got none')
  .superRefine((areas, context) => {
    for (const [at, area] of areas.entries()) {
      for (const member of ['from', 'prefix'] as const) {
        const other = areas.slice(0, at).find((one) => overlaps(one[member], area[member]));
        if (!other) continue;
        context.addIssue({
          code: 'custom',
          path: [at, member],
          message: `expected a path apart from those of other areas, got ${JSON.stringify(area[member])} beside ${JSON.stringify(other[member])}`,
        });
      }
    }
  });

function overlaps(one: string, other: string): boolean {
  return one === other || isBelow(one, other) || isBelow(other, one);
}
