import { readFileSync } from 'node:fs';

/** The version of this program, as package.json has it. */
export function readVersion(): string {
  // From cli/base/ in the sources and from dist/cli/base/ in the built program.
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (manifest && typeof manifest === 'object' && 'version' in manifest) {
        return String(manifest.version);
      }
    } catch {
      continue;
    }
  }
  return 'unknown';
}
