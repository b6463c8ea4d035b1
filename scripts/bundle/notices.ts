/** Whose work is bundled, and under which licence. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const manifestSchema = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string(),
  homepage: z.string().optional(),
});

/** From the first node_modules on, which may be a link to somewhere else. */
const PACKAGE = /(?<=^|\/)node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+/;
const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;
const RULE = '-'.repeat(80);

/**
 * Names, versions and licences of all packages that some bundled files come from, paths below `root`,
 * with the texts that came with them. Throws for a package that does not say its licence.
 */
export function formatNotices(root: string, inputs: readonly string[]): string {
  const packages = new Set(inputs.flatMap((input) => packageOf(input) ?? []));
  const notices = [...packages].toSorted().map((path) => formatNotice(join(root, path)));
  return ['Lookaside contains these works of others.', ...notices].join(`\n\n${RULE}\n`);
}

/** The package that a file is of, as the lock calls it; undefined for a file of our own. */
export function packageOf(path: string): string | undefined {
  return PACKAGE.exec(path)?.[0];
}

function formatNotice(directory: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const { name, version, license, homepage } = manifestSchema.parse(manifest);
  const texts = readdirSync(directory)
    .filter((file) => LICENCE_FILE.test(file))
    .toSorted()
    .map((file) => readFileSync(join(directory, file), 'utf8').trim());
  const place = homepage === undefined ? [] : [homepage];
  return [`${name} ${version}, ${license}`, ...place, ...texts.flatMap((text) => ['', text])].join(
    '\n',
  );
}
