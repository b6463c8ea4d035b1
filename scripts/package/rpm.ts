/** The package for RHEL, Fedora and what descends from them. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listBullets } from '../release/changelog.ts';
import type { BuildFacts } from './build-facts.ts';
import { stage } from './stage.ts';

const FILES = join(import.meta.dirname, 'rpm');

/** Writes `lookaside-VERSION-1.noarch.rpm` into `out`; `work` is an empty directory. Gives its path. */
export function buildRpm(facts: BuildFacts, work: string, out: string): string {
  const tree = join(work, 'rpm');
  const licences = 'usr/share/licenses/lookaside';
  const read = (name: string): string => readFileSync(join(facts.root, name), 'utf8');
  stage(tree, facts, {
    zshDirectory: 'usr/share/zsh/site-functions',
    texts: {
      [`${licences}/LICENSE`]: read('LICENSE'),
      [`${licences}/THIRD-PARTY-LICENSES.txt`]: read('bundled/THIRD-PARTY-LICENSES.txt'),
      'usr/share/doc/lookaside/CHANGELOG.md': read('CHANGELOG.md'),
    },
  });
  const top = join(work, 'rpmbuild');
  mkdirSync(top);
  const spec = join(top, 'lookaside.spec');
  const text = readFileSync(join(FILES, 'lookaside.spec'), 'utf8');
  writeFileSync(spec, `${text}\n%changelog\n${formatRpmChangelog(facts)}`);
  const definitions = {
    _topdir: top,
    _rpmdir: join(top, 'made'),
    tree,
    scripts: FILES,
    lookaside_version: facts.version,
    lookaside_summary: facts.summary,
    lookaside_licences: facts.licences.join(' AND '),
    node_version: facts.node,
    maintainer: facts.maintainer,
    ...(facts.homepage !== undefined && { homepage: facts.homepage }),
  };
  const args = Object.entries(definitions).flatMap(([name, value]) => [
    '--define',
    `${name} ${value}`,
  ]);
  execFileSync('rpmbuild', ['--quiet', '--target', 'noarch', ...args, '-bb', spec], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(facts.epoch) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const name = `lookaside-${facts.version}-1.noarch.rpm`;
  copyFileSync(join(top, 'made/noarch', name), join(out, name));
  return join(out, name);
}

/** Each entry needs a day. What is not released has that of the build. */
function formatRpmChangelog({ changes, version, maintainer, date }: BuildFacts): string {
  return changes
    .map((section) => {
      const [weekday = '', day, month, year] = new Date(section.date ?? date)
        .toUTCString()
        .split(/,? /);
      const title = section.date === undefined ? version : section.title;
      const bullets = listBullets(section).map((bullet) => `- ${bullet.replaceAll('%', '%%')}\n`);
      return `* ${weekday} ${month} ${day} ${year} ${maintainer} - ${title}-1\n${bullets.join('')}`;
    })
    .join('\n');
}
