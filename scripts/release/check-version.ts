/**
 * `tsx scripts/release/check-version.ts TAG`: whether a tag, package.json, its lock and CHANGELOG.md name the
 * same version. Prints the notes of the release: what CHANGELOG.md says of it. Exit code 1 where they do not
 * agree, with all that is wrong; 2 for wrong use, or where a file cannot be read.
 */
import { readFileSync } from 'node:fs';
import { findVersionFaults, notesOf, versionOf } from './version-faults.ts';

function main(words: readonly string[]): number {
  const version = words.length === 1 ? versionOf(words[0] ?? '') : undefined;
  if (version === undefined) {
    complain(`expected one tag such as v1.2.0, got ${words.join(' ') || 'nothing'}`);
    return 2;
  }
  const files = {
    'package.json': read('package.json'),
    'package-lock.json': read('package-lock.json'),
    'CHANGELOG.md': read('CHANGELOG.md'),
  };
  const faults = findVersionFaults(version, files);
  for (const fault of faults) complain(fault);
  if (faults.length > 0) return 1;
  process.stdout.write(`${notesOf(files)}\n`);
  return 0;
}

function read(name: string): string {
  return readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
}

function complain(message: string): void {
  process.stderr.write(`check-version: ${message}\n`);
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  complain(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
