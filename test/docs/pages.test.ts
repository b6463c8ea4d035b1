// What all pages have in common: links lead somewhere, commands and flags exist, tables can be read,
// and what they say of the code is what the code says.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { OPTION_NAMES, optionOf } from '../../cli/base/options.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { type Page, anchorsOf, linksOf, readPages, withoutBlocks } from './pages.ts';

/** Flags of other programs, as gpg, skopeo, podman, git and curl, and of the install script. */
const FLAGS_OF_OTHERS = new Set(
  `add-port all allow-downgrades allow-explicit-upgrade api-versions armor bare batch build-arg card-status data-binary dearmor delete dest-tls-verify
   detach detach-sign digests directory dry-run edit-key eval expert export export-options fail file filter force from-file
   from-literal full-generate-key geometric global home-dir ignore import init initial-branch input-type install
   keep keyring kill missing multi-arch no-edit no-install-recommends now offline omit output pass-host-header passphrase patch
   permanent preserve-digests quick-add-uid quick-gen-key quick-generate-key quick-set-expire quiet raw read-only
   registries reload remotes remove-signatures replace request retry retry-connrefused retry-delay rm root
    runroot shell sign sign-by signature-policy signature-verification sigstore silent src-tls-verify storage-driver system time timeout tls-verify to-image type undo user wait`.split(
    /\s+/,
  ),
);
/** These name flags of scripts. */
const ABOUT_SCRIPTS = new Set(['CONTRIBUTING.md', 'docs/performance.md', 'docs/releasing.md']);
/** The widest line of a table that is still read, not scrolled. */
const WIDEST_ROW = 160;
const README_BYTES = 8192;

const KNOWN_FLAGS = new Set<string>([...OPTION_NAMES, 'config', 'help', 'version']);
const COMMANDS = new Set(
  OPTION_NAMES.flatMap((name): readonly string[] => optionOf(name).commands),
);

describe('the pages', () => {
  let pages: readonly Page[] = [];
  before(async () => {
    pages = await readPages();
    assert.ok(pages.length > 20);
  });

  it('link only to files and headings that are there', () => {
    const anchors = new Map(pages.map(({ path, text }) => [path, anchorsOf(text)]));
    const broken: string[] = [];
    for (const { path, text } of pages) {
      for (const { target, anchor } of linksOf(text)) {
        const file = target === '' ? path : normalize(join(dirname(path), target));
        const isThere =
          existsSync(file) && (anchor === undefined || anchors.get(file)?.has(anchor));
        if (!isThere) broken.push(`${path}: ${target}${anchor === undefined ? '' : `#${anchor}`}`);
      }
    }
    assert.deepEqual(broken, []);
  });

  it('are there where code, scripts and alerts name them', async () => {
    const { stdout } = await runOrThrow('git', [
      'grep',
      '-ohE',
      'docs/[a-z-]+(\\.[a-z]+)+',
      '--',
      ':!test',
    ]);
    const named = new Set(stdout.split('\n').filter(Boolean));
    assert.ok(named.has('docs/limits.md'));
    assert.deepEqual(
      [...named].filter((path) => !existsSync(path)),
      [],
    );
  });

  it('are all found from the index', () => {
    const index = pages.find(({ path }) => path === 'docs/README.md');
    const linked = new Set(linksOf(index?.text ?? '').map(({ target }) => `docs/${target}`));
    const missing = pages.filter(({ path }) => path.startsWith('docs/') && !linked.has(path));
    assert.deepEqual(
      missing.map(({ path }) => path),
      ['docs/README.md'],
    );
  });

  it('name only flags that exist', () => {
    const unknown = new Set<string>();
    for (const { path, text } of pages.filter((page) => !ABOUT_SCRIPTS.has(page.path))) {
      for (const [, flag = ''] of text.matchAll(/(?<![\w-])--([a-z][a-z-]+)/g)) {
        if (!KNOWN_FLAGS.has(flag) && !FLAGS_OF_OTHERS.has(flag)) unknown.add(`${path}: --${flag}`);
      }
    }
    assert.deepEqual([...unknown], []);
  });

  it('give a command only flags that it takes', () => {
    for (const { path, text } of pages) {
      for (const [call, command = '', rest = ''] of text.matchAll(
        /\blookaside ([a-z][a-z-]+) ([^\n`|]*)/g,
      )) {
        for (const [, flag = ''] of rest.matchAll(/ --([a-z][a-z-]+)/g)) {
          const name = OPTION_NAMES.find((option) => option === flag);
          if (!COMMANDS.has(command) || name === undefined) continue;
          const { commands } = optionOf(name);
          assert.ok(
            commands.some((taking) => taking === command),
            `${path}: ${call}`,
          );
        }
      }
    }
  });

  it('name only scripts that there are', () => {
    const scripts = readFileSync('package.json', 'utf8');
    for (const { path, text } of pages) {
      for (const [call, name] of text.matchAll(/npm run ([a-z:]+)/g)) {
        assert.ok(scripts.includes(`"${name}":`), `${path}: ${call}`);
      }
    }
  });

  it('have tables that can be read without scrolling', () => {
    for (const { path, text } of pages.filter(
      ({ path: name }) => !name.startsWith('signatures/'),
    )) {
      for (const line of withoutBlocks(text).split('\n')) {
        if (line.startsWith('|')) assert.ok(line.length <= WIDEST_ROW, `${path}: ${line}`);
      }
    }
  });

  it('have the parts that the code gives', async () => {
    const update = ['--import', 'tsx', 'scripts/update-docs.ts', '--check'];
    await runOrThrow(process.execPath, update);
  });

  it('say where npx works, and do not send readers to a registry', () => {
    const promising = pages.filter(({ text }) => /npx -y|npm (?:i|install) -g|npx @/.test(text));
    assert.deepEqual(
      promising.map(({ path }) => path),
      [],
    );
    for (const { path, text } of pages.filter((page) => page.text.includes('npx lookaside'))) {
      assert.match(text, /\bclone\b/, path);
    }
  });
});

describe('the README', () => {
  const readme = readFileSync('README.md', 'utf8');

  it('is one page', () => {
    assert.ok(statSync('README.md').size <= README_BYTES);
  });

  it('lists every command as the help and docs/cli.md do', async () => {
    const { stdout } = await runOrThrow('node', ['dist/cli/main.js', '--help']);
    const commands = [...stdout.matchAll(/^ {2}([a-z-]+) \[options\]/gm)].map(([, name]) => name);
    assert.deepEqual(new Set(commands), COMMANDS);
    const cli = readFileSync('docs/cli.md', 'utf8');
    for (const name of commands) {
      const [line] = new RegExp(`^lookaside ${name} .*$`, 'm').exec(readme) ?? [];
      assert.ok(line !== undefined && cli.includes(`\n${line}\n`), name);
      assert.match(cli, new RegExp(`^## ${name}$`, 'm'));
    }
  });
});

describe('an anchor', () => {
  const cases: readonly (readonly [heading: string, anchor: string])[] = [
    ['# Who is trusted', 'who-is-trusted'],
    ['## GET /status.json', 'get-statusjson'],
    ['### Scopes: who may sign what', 'scopes-who-may-sign-what'],
    ['### `signing-subkey` ###', 'signing-subkey'],
    ['## A [link](x.md#y), and more', 'a-link-and-more'],
    ['## Über 4 MiB & more', 'über-4-mib--more'],
  ];
  for (const [heading, anchor] of cases) {
    it(`is ${anchor} for ${heading}`, () => {
      assert.deepEqual([...anchorsOf(`${heading}\n`)], [anchor]);
    });
  }

  it('is numbered where it was there before, and does not come from a block', () => {
    const page = '# A\n\n```sh\n# no heading\n```\n\n# A\n';
    assert.deepEqual([...anchorsOf(page)], ['a', 'a-1']);
  });
});
