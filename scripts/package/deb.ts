/** The package for Debian and what descends from it (https://www.debian.org/doc/debian-policy/). */
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { type ChangelogSection, listBullets } from '../release/changelog.ts';
import type { BuildFacts } from './build-facts.ts';
import { CONFIG_FILES, compress, stage } from './stage.ts';

const SCRIPTS = join(import.meta.dirname, 'debian');
const KIB = 1024;
/** deb-changelog(5) and lintian want shorter lines than 80. */
const WIDTH = 76;

/** Writes `lookaside_VERSION_all.deb` into `out`; `work` is an empty directory. Gives its path. */
export function buildDeb(facts: BuildFacts, work: string, out: string): string {
  const tree = join(work, 'deb');
  const docs = 'usr/share/doc/lookaside';
  stage(tree, facts, {
    zshDirectory: 'usr/share/zsh/vendor-completions',
    texts: {
      [`${docs}/copyright`]: readFileSync(join(SCRIPTS, 'copyright'), 'utf8'),
      [`${docs}/changelog.gz`]: compress(formatDebianChangelog(facts)),
    },
  });
  const control = join(tree, 'DEBIAN');
  const files = listFiles(tree);
  mkdirSync(control);
  const put = (name: string, text: string): void => {
    writeFileSync(join(control, name), text, { mode: 0o644 });
  };
  put('control', formatControl(facts, files));
  put('conffiles', CONFIG_FILES.map((path) => `/${path}\n`).join(''));
  put('md5sums', files.map((path) => `${md5(path)}  ${relative(tree, path)}\n`).join(''));
  for (const name of ['postinst', 'prerm', 'postrm']) {
    copyFileSync(join(SCRIPTS, `${name}.sh`), join(control, name));
    chmodSync(join(control, name), 0o755);
  }
  chmodSync(control, 0o755);
  const path = join(out, `lookaside_${facts.version}_all.deb`);
  // One thread: several cut the same files in other places.
  const how = ['--root-owner-group', '-Zxz', '--threads-max=1', '--build'];
  execFileSync('dpkg-deb', [...how, tree, path], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(facts.epoch) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return path;
}

function listFiles(tree: string): readonly string[] {
  return readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

function md5(path: string): string {
  return createHash('md5').update(readFileSync(path)).digest('hex');
}

function formatControl(facts: BuildFacts, files: readonly string[]): string {
  const size = files.reduce((sum, path) => sum + Math.ceil(statSync(path).size / KIB), 0);
  return `Package: lookaside
Version: ${facts.version}
Architecture: all
Maintainer: ${facts.maintainer}
Installed-Size: ${size}
Depends: nodejs (>= ${facts.node}), git, gpgv, procps, systemd | systemd-standalone-sysusers | systemd-sysusers
Recommends: ca-certificates, openssh-client
Suggests: gnupg, skopeo
Section: net
Priority: optional
${facts.homepage === undefined ? '' : `Homepage: ${facts.homepage}\n`}Description: ${facts.summary.charAt(0).toLowerCase()}${facts.summary.slice(1)}
 People sign container images with OpenPGP and push the signatures to a git
 repository. Lookaside checks each file, and serves the good ones to Podman,
 CRI-O, Skopeo and Buildah, within a second of the push.
 .
 A bad file breaks no pull, what was good stays served, and refused pulls are
 explained. Nodes trust their own policy and keys, never this server.
`;
}

/** deb-changelog(5). What is not released has the time of the build. */
function formatDebianChangelog({ changes, version, maintainer, epoch }: BuildFacts): string {
  const entries = changes.map((section) => {
    const time = section.date === undefined ? epoch * 1000 : Date.parse(section.date);
    const date = new Date(time).toUTCString().replace(/GMT$/, '+0000');
    const title = section.date === undefined ? version : section.title;
    const head = `lookaside (${title}) unstable; urgency=medium`;
    return `${head}\n\n${formatBullets(section)}\n\n -- ${maintainer}  ${date}\n`;
  });
  return entries.join('\n');
}

function formatBullets(section: ChangelogSection): string {
  return listBullets(section)
    .map((bullet) => wrap(bullet, WIDTH).replaceAll('\n', '\n    '))
    .map((bullet) => `  * ${bullet}`)
    .join('\n');
}

function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
