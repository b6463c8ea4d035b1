/** What all packages say of themselves. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type ChangelogSection, parseChangelog } from '../release/changelog.ts';

const SECOND = 1000;
const DAY_LENGTH = 'YYYY-MM-DD'.length;
const manifestSchema = z.object({
  version: z.string(),
  license: z.string(),
  engines: z.object({ node: z.string().regex(/^>=\d+\.\d+$/) }),
});

const licence = z.union([
  z.object({ license: z.object({ id: z.string() }) }).transform((one) => one.license.id),
  z.object({ expression: z.string() }).transform((one) => `(${one.expression})`),
]);
const billSchema = z.object({
  components: z.array(z.object({ licenses: z.array(licence) })),
});

export interface BuildFacts {
  readonly root: string;
  readonly version: string;
  readonly summary: string;
  readonly license: string;
  /** Of the program and all that is in its bundle, in order. */
  readonly licences: readonly string[];
  /** The oldest Node.js, such as `20.19`. */
  readonly node: string;
  /** `Name <address>`. */
  readonly maintainer: string;
  readonly homepage: string | undefined;
  readonly changes: readonly ChangelogSection[];
  /** Of all files, in seconds since 1970: SOURCE_DATE_EPOCH, or else the time of the commit. */
  readonly epoch: number;
  /** The same, as `YYYY-MM-DD`. */
  readonly date: string;
}

/** Throws where a file is missing or out of form, or where nothing says the time. */
export function readBuildFacts(
  root: string,
  environment: Readonly<Record<string, string | undefined>>,
): BuildFacts {
  const read = (name: string): string => readFileSync(join(root, name), 'utf8');
  const { version, license, engines } = manifestSchema.parse(JSON.parse(read('package.json')));
  const { components } = billSchema.parse(JSON.parse(read('bundled/sbom.cdx.json')));
  const bundled = components.flatMap(({ licenses }) => licenses);
  const epoch = readEpoch(root, environment['SOURCE_DATE_EPOCH']);
  return {
    root,
    version,
    summary: 'Signature server for nodes that verify container images',
    license,
    licences: [...new Set([license, ...bundled])].toSorted(),
    node: engines.node.slice('>='.length),
    maintainer: readMaintainer(environment['MAINTAINER']),
    homepage: environment['HOMEPAGE'] || undefined,
    changes: parseChangelog(read('CHANGELOG.md')),
    epoch,
    date: new Date(epoch * SECOND).toISOString().slice(0, DAY_LENGTH),
  };
}

/** A package names somebody who answers for it. */
function readMaintainer(given: string | undefined): string {
  if (given !== undefined && /^[^<>\n]+ <[^<>@\s]+@[^<>@\s]+>$/.test(given)) return given;
  throw new Error(
    `MAINTAINER: expected who answers for the packages, as "Name <address>", got ${given || 'nothing'}`,
  );
}

/** https://reproducible-builds.org/specs/source-date-epoch/ */
function readEpoch(root: string, given: string | undefined): number {
  if (given === undefined) {
    const git = ['-C', root, 'log', '-1', '--format=%ct'];
    return Number(execFileSync('git', git, { encoding: 'utf8' }));
  }
  if (/^\d{1,11}$/.test(given)) return Number(given);
  throw new Error(`SOURCE_DATE_EPOCH: expected seconds since 1970, got ${given}`);
}
