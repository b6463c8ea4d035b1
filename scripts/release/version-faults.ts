/** Whether the files of a clone agree on the version that a tag names. */
import { z } from 'zod';
import { type ChangelogSection, parseChangelog } from './changelog.ts';

const TAG = /^v(\d+\.\d+\.\d+)$/;
const manifestSchema = z.object({ version: z.string() });
const lockSchema = manifestSchema.extend({ packages: z.object({ '': manifestSchema }) });

/** The texts of the files that name a version, by their names. */
export type VersionFiles = Readonly<
  Record<'package.json' | 'package-lock.json' | 'CHANGELOG.md', string>
>;

/** The version that a tag names: `1.2.0` for `v1.2.0`; undefined for any other tag. */
export function versionOf(tag: string): string | undefined {
  return TAG.exec(tag)?.[1];
}

/** What CHANGELOG.md says of its newest version. */
export function notesOf(files: VersionFiles): string {
  return parseChangelog(files['CHANGELOG.md'])[0]?.text ?? '';
}

/** All that is wrong, each with its cure. Throws where a file is out of form. */
export function findVersionFaults(version: string, files: VersionFiles): readonly string[] {
  const manifest = manifestSchema.parse(JSON.parse(files['package.json']));
  const lock = lockSchema.parse(JSON.parse(files['package-lock.json']));
  const found = new Map([
    ['package.json', manifest.version],
    ['package-lock.json', lock.version],
    ['the package in package-lock.json', lock.packages[''].version],
  ]);
  const cure = `run \`npm version --no-git-tag-version ${version}\``;
  return [
    ...[...found]
      .filter(([, other]) => other !== version)
      .map(([where, other]) => `${where}: expected ${version}, got ${other}; ${cure}`),
    ...findChangelogFaults(version, parseChangelog(files['CHANGELOG.md'])),
  ];
}

function findChangelogFaults(
  version: string,
  [newest]: readonly ChangelogSection[],
): readonly string[] {
  if (newest?.title !== version) {
    const cure = `call what is new "## ${version} (YYYY-MM-DD)", with the day of the release`;
    return [
      `CHANGELOG.md: expected ${version} first, got ${newest?.title ?? 'no version'}; ${cure}`,
    ];
  }
  return newest.text === ''
    ? [`CHANGELOG.md: expected what is new in ${version}, got nothing; write it for its users`]
    : [];
}
