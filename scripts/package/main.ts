/**
 * `npm run package -- DIR`: packages for Debian and for Red Hat, of the bundle, in DIR. The same sources and
 * the same SOURCE_DATE_EPOCH (the time of the commit, unless set) give the same bytes. MAINTAINER, as
 * `Name <address>`, answers for them; HOMEPAGE may name a page of the project. It needs dpkg-deb and
 * rpmbuild. Exit code 2 for wrong use, or where a package cannot be built.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readBuildFacts } from './build-facts.ts';
import { buildDeb } from './deb.ts';
import { buildRpm } from './rpm.ts';

const ROOT = join(import.meta.dirname, '../..');

function buildPackages(directory: string): void {
  const facts = readBuildFacts(ROOT, process.env);
  const out = resolve(directory);
  mkdirSync(out, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'lookaside-package-'));
  try {
    for (const build of [buildDeb, buildRpm]) {
      process.stdout.write(`${build(facts, work, out)}\n`);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

try {
  const [directory, ...others] = process.argv.slice(2);
  if (directory === undefined || others.length > 0) {
    throw new Error('expected one directory for the packages');
  }
  buildPackages(directory);
} catch (error) {
  process.stderr.write(`package: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
