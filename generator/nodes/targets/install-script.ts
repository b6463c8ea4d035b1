// install.sh, filled with the files of a node. It guarantees: nothing is changed before it was kept;
// a file is replaced whole or not at all; a run that was broken off can be run again, or undone.
import { readFileSync } from 'node:fs';
import type { Scope } from '../../policy/policy.ts';
import type { NodeFile } from '../node-file.ts';
import { formatHereDocument, quoteForShell } from './shell.ts';
import { TargetError, type TargetOptions, type WrittenFile } from './target.ts';

const SCRIPT = readFileSync(new URL('install.sh', import.meta.url), 'utf8');
/** What install.sh has to be given, with the blanks that go with it. */
const PLACEHOLDER = /@PROGRAM@|@NAME@|@SECTIONS@| {4}# @FILES@\n| @PATHS@/g;

/**
 * A POSIX shell script that installs the files in their order, and brings back what was there before.
 * @throws TargetError for a file that is not text, which nobody could review in the script.
 */
export function writeInstallScript(
  files: readonly NodeFile[],
  { name, scopes }: TargetOptions,
): readonly WrittenFile[] {
  const path = `install-${name}.sh`;
  const values = new Map([
    ['@PROGRAM@', path],
    ['@NAME@', quoteForShell(name)],
    ['@SECTIONS@', quoteForShell(matchSections(scopes))],
    ['    # @FILES@\n', files.map(formatCase).join('')],
    [' @PATHS@', files.map((file) => ` \\\n  ${quoteForShell(file.path)}`).join('')],
  ]);
  // In one go: what is filled in is not looked at again.
  const text = SCRIPT.replaceAll(PLACEHOLDER, (placeholder) => values.get(placeholder) ?? '');
  return [{ path, bytes: Buffer.from(text), isExecutable: true }];
}

/**
 * An extended regular expression (grep -E) for the lines of registries.d that begin a section of
 * one of the scopes; '' for no scopes.
 */
function matchSections(scopes: readonly Pick<Scope, 'name'>[]): string {
  if (scopes.length === 0) return '';
  const keys = scopes.map(({ name }) => (name === '' ? 'default-docker' : escape(name)));
  // A colon without a blank behind it is part of a name, as that of a port.
  return `^ *["']?(${keys.join('|')})["']? *:([[:space:]]|$)`;
}

function escape(text: string): string {
  return text.replaceAll(/[.[\]*^$()+?{}|\\]/g, String.raw`\$&`);
}

function formatCase(file: NodeFile): string {
  const text = toFileText(file);
  if (text !== '' && !text.endsWith('\n')) {
    throw new TargetError(`/${file.path} does not end with a line feed`);
  }
  return `    ${quoteForShell(file.path)})\n      cat ${formatHereDocument(text, file.path)}      ;;\n`;
}

/** The text of a file, which people read in the script. */
function toFileText({ path, bytes }: NodeFile): string {
  const text = decode(bytes);
  if (text === undefined || text.includes('\0')) throw new TargetError(`/${path} is not text`);
  return text;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
