/** The files of a package as they lie on the machine that it is installed on. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { BuildFacts } from './build-facts.ts';
import { formatManPage } from './man-page.ts';

const LIBRARY = 'usr/lib/lookaside';
const MAIN = `${LIBRARY}/bundled/cli/main.js`;

/** Where distributions differ. */
export interface StageOptions {
  readonly zshDirectory: string;
  /** Further files, by their paths. */
  readonly texts: Readonly<Record<string, string | Buffer>>;
}

/** Files that whoever runs the server edits, and that an upgrade leaves alone. */
export const CONFIG_FILES: readonly string[] = ['etc/lookaside/config.yaml'];

/** Lays them out below `directory`, which must not exist, all of one time. The bundle must be built. */
export function stage(directory: string, facts: BuildFacts, options: StageOptions): void {
  const put = (path: string, content: string | Buffer): void => {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  };
  const { root, version, date } = facts;
  mkdirSync(join(directory, LIBRARY), { recursive: true });
  cpSync(join(root, 'bundled'), join(directory, LIBRARY, 'bundled'), { recursive: true });
  const manifest = { name: 'lookaside', version, type: 'module', license: facts.license };
  put(`${LIBRARY}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`);
  // Not another Node that comes first on somebody's PATH.
  const main = readFileSync(join(directory, MAIN), 'utf8');
  put(MAIN, main.replace(/^#!.*/, '#!/usr/bin/node'));
  mkdirSync(join(directory, 'usr/bin'));
  symlinkSync('../lib/lookaside/bundled/cli/main.js', join(directory, 'usr/bin/lookaside'));

  const installed = {
    'lookaside.service': 'usr/lib/systemd/system/lookaside.service',
    'lookaside.socket': 'usr/lib/systemd/system/lookaside.socket',
    'lookaside.sysusers.conf': 'usr/lib/sysusers.d/lookaside.conf',
    'config.yaml': 'etc/lookaside/config.yaml',
  };
  for (const [name, path] of Object.entries(installed)) {
    put(path, readFileSync(join(root, 'deploy/systemd', name)));
  }
  put('usr/share/man/man1/lookaside.1.gz', compress(formatManPage(version, date)));
  const completions = {
    bash: 'usr/share/bash-completion/completions/lookaside',
    zsh: `${options.zshDirectory}/_lookaside`,
    fish: 'usr/share/fish/vendor_completions.d/lookaside.fish',
  };
  for (const [shell, path] of Object.entries(completions)) {
    const program = join(root, 'bundled/cli/main.js');
    put(path, execFileSync(process.execPath, [program, 'completion', shell]));
  }
  for (const [path, content] of Object.entries(options.texts)) put(path, content);
  settle(directory, facts.epoch);
}

/** As gzip -9n does it: without a name and a time. */
export function compress(text: string): Buffer {
  return gzipSync(text, { level: 9 });
}

/** Whatever umask and clock it was made under: readable by all, written by root alone, of one time. */
function settle(directory: string, epoch: number): void {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isSymbolicLink()) {
      const isProgram = path.endsWith(MAIN) || path.endsWith('.sh');
      chmodSync(path, entry.isDirectory() || isProgram ? 0o755 : 0o644);
    }
    lutimesSync(path, epoch, epoch);
  }
  chmodSync(directory, 0o755);
  lutimesSync(directory, epoch, epoch);
}
