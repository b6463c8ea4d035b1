import type { NodeFile } from '../node-file.ts';
import { formatBase64Lines } from './encode.ts';
import { formatHereDocument, quoteForShell } from './shell.ts';
import type { TargetOptions, WrittenFile } from './target.ts';

/**
 * A part for a kickstart file. The files are in base64: a line of theirs that began with `%end`
 * would end the part.
 * @throws TargetError for a path that no shell script can hold.
 */
export function writeKickstart(
  files: readonly NodeFile[],
  { name }: TargetOptions,
): readonly WrittenFile[] {
  const paths = files.map(({ path }) => quoteForShell(`/${path}`)).join(' ');
  const text = `# Written by lookaside node-config: which keys sign which images, and where signatures are.
%post --erroronfail
set -eu
umask 022
${files.map(formatFile).join('')}chmod 644 ${paths}
if command -v restorecon >/dev/null; then restorecon ${paths}; fi
%end
`;
  return [{ path: `${name}.ks`, bytes: Buffer.from(text) }];
}

function formatFile({ path, bytes }: NodeFile): string {
  const target = quoteForShell(`/${path}`);
  const directory = quoteForShell(`/${path}`.replace(/\/[^/]*$/, ''));
  const content = formatHereDocument(formatBase64Lines(bytes), path);
  return `mkdir -p ${directory}\nbase64 -d >${target} ${content}`;
}
