import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Where a client asks for a signature: `repository@sha256=HEX/signature-N`. */
export function formatLocation(repository: string, digest: string, number: number): string {
  return `${repository}@${digest.replace(':', '=')}/signature-${number}`;
}

/** Puts a signature where a client asks for it below `directory`; returns its location. */
export async function writeSignature(
  directory: string,
  { repository, digest, number }: { repository: string; digest: string; number: number },
  signature: Uint8Array,
): Promise<string> {
  const location = formatLocation(repository, digest, number);
  const path = join(directory, location);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, signature);
  return location;
}
