import type { NodeFile } from '../node-file.ts';
import { toFileText } from './file-text.ts';
import { INSTALL_SCRIPT_ARGUMENTS } from './install-script-arguments.ts';
import { INSTALL_SCRIPT_STATE } from './install-script-state.ts';
import { INSTALL_SCRIPT_BODY } from './install-script-text.ts';
import { matchSections } from './match-sections.ts';
import { formatHereDocument, quoteForShell } from './shell.ts';
import { TargetError, type TargetOptions, type WrittenFile } from './target.ts';

/**
 * A POSIX shell script that installs the files in their order, and brings back what was there before.
 * @throws TargetError for a file that is not text, which nobody could review in the script.
 */
export function writeInstallScript(
  files: readonly NodeFile[],
  { name, scopes }: TargetOptions,
): readonly WrittenFile[] {
  const path = `install-${name}.sh`;
  const paths = files.map((file) => ` \\\n  ${quoteForShell(file.path)}`).join('');
  const text = `#!/bin/sh
# Written by lookaside node-config: which keys sign which images, and where signatures are.
# ${path} --help says how to use it.
set -eu
export LC_ALL=C
name=${quoteForShell(name)}
registries=etc/containers/registries.d
# The scopes of these files, as other files there would have them.
sections=${quoteForShell(matchSections(scopes))}

# What a file shall hold.
content() {
  case $1 in
${files.map(formatCase).join('')}    *) return 1 ;;
  esac
}
${INSTALL_SCRIPT_STATE}${INSTALL_SCRIPT_BODY}${INSTALL_SCRIPT_ARGUMENTS}
set --${paths}
if [ "$do" = undo ]; then undo; else install_files "$@"; fi
if [ -z "$root$would" ]; then say 'CRI-O takes them after: systemctl reload crio'; fi
`;
  return [{ path, bytes: Buffer.from(text), isExecutable: true }];
}

function formatCase(file: NodeFile): string {
  const text = toFileText(file);
  if (text !== '' && !text.endsWith('\n')) {
    throw new TargetError(`/${file.path} does not end with a line feed`);
  }
  return `    ${quoteForShell(file.path)})\n      cat ${formatHereDocument(text, file.path)}      ;;\n`;
}
