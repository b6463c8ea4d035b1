/**
 * `npm run build`, its second half: what ships, in `bundled/`. The program and all that it is made of
 * in some files, with nothing to install beside it but Node. Files that modules read lie where they lie
 * among the sources. The new files are made beside those that were there, and take their place whole.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type Metafile, type Plugin, build } from 'esbuild';
import { formatNotices } from './notices.ts';
import { formatSbom } from './sbom.ts';

const ROOT = join(import.meta.dirname, '../..');
const BUNDLED = join(ROOT, 'bundled');
const ROOMS = ['cli', 'generator', 'server', 'signing'];
const MAIN = 'cli/main.ts';
/** Under the LGPL, which lets users put another one in its place: a file of its own, as it comes. */
const OPENPGP = 'openpgp.mjs';

/** Of a package. From CommonJS, esbuild gives it nothing by name, other than Node. */
const LATE_IMPORT = /\bawait import\('([^.'][^']*)'\)/g;
/** What CommonJS among the dependencies asks Node for. */
const BANNER = `import { createRequire as createBundleRequire } from 'node:module';
const require = createBundleRequire(import.meta.url);`;

const files = ROOMS.flatMap((room) =>
  readdirSync(join(ROOT, room), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name))),
);
async function makeBundle(directory: string): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [MAIN, ...listThreads()],
    outdir: directory,
    outbase: '.',
    chunkNames: 'chunk-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    legalComments: 'linked',
    banner: { js: BANNER },
    metafile: true,
    logLevel: 'warning',
    plugins: [placeModules, keepOpenpgp],
  });
  checkPlaces(metafile);
  for (const file of files.filter((name) => !name.endsWith('.ts'))) {
    mkdirSync(join(directory, dirname(file)), { recursive: true });
    copyFileSync(join(ROOT, file), join(directory, file));
  }
  copyFileSync(join(ROOT, 'node_modules/openpgp/dist/node', OPENPGP), join(directory, OPENPGP));
  const kept = `node_modules/openpgp/dist/node/${OPENPGP}`;
  const inputs = [...Object.keys(metafile.inputs), kept];
  writeFileSync(join(directory, 'THIRD-PARTY-LICENSES.txt'), formatNotices(ROOT, inputs));
  writeFileSync(join(directory, 'sbom.cdx.json'), formatSbom(ROOT, metafile, [kept]));
  chmodSync(join(directory, MAIN.replace(/ts$/, 'js')), 0o755);
}

/** Modules that threads begin with. Throws where one is started that this does not find. */
function listThreads(): readonly string[] {
  return files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(ROOT, file), 'utf8');
      const names = [...text.matchAll(/\bthreadScript\('([^']+)'\)/g)].map(([, name]) => name);
      if (/\bnew Worker\(/.test(text) && names.length === 0) {
        throw new Error(`${file} starts a thread whose script threadScript() does not name`);
      }
      return names.map((name) => `generator/${name}.ts`);
    });
}

/** A module goes on to find the files beside it, wherever its code comes to lie: all chunks are at the top. */
const placeModules: Plugin = {
  name: 'place-modules',
  setup(bundler) {
    bundler.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const place = relative(ROOT, path).replace(/ts$/, 'js');
      const address = `new URL(${JSON.stringify(place)}, import.meta.url).href`;
      const text = readFileSync(path, 'utf8')
        .replaceAll('import.meta.url', address)
        .replaceAll(
          LATE_IMPORT,
          "(await import('$1').then((all) => ({ ...all.default, ...all })))",
        );
      return { contents: text, loader: 'ts' };
    });
  },
};

const keepOpenpgp: Plugin = {
  name: 'keep-openpgp',
  setup(bundler) {
    bundler.onResolve({ filter: /^openpgp$/ }, () => ({ path: `./${OPENPGP}`, external: true }));
  },
};

/** Throws where code lies deeper than placeModules and keepOpenpgp take for granted. */
function checkPlaces({ outputs }: Metafile): void {
  for (const [output, { entryPoint, inputs }] of Object.entries(outputs)) {
    if (entryPoint === undefined || !entryPoint.endsWith('.ts')) continue;
    const isDeep = ROOMS.some((room) => output.includes(`/${room}/`));
    for (const input of isDeep ? Object.keys(inputs) : []) {
      if (!input.endsWith('.ts')) continue;
      const text = readFileSync(join(ROOT, input), 'utf8');
      if (/import\.meta\.url|from 'openpgp'/.test(text)) {
        throw new Error(
          `${input} is bundled into ${output}, from where it does not find its files`,
        );
      }
    }
  }
}

/** Puts the new directory into the place of the one that is there. */
function replace(made: string, work: string): void {
  const old = join(work, 'old');
  if (existsSync(BUNDLED)) renameSync(BUNDLED, old);
  renameSync(made, BUNDLED);
}

const work = mkdtempSync(`${BUNDLED}.`);
try {
  const made = join(work, 'new');
  await makeBundle(made);
  replace(made, work);
} finally {
  rmSync(work, { recursive: true, force: true });
}
