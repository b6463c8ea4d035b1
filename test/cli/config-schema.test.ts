// docs/lookaside.schema.json says of a configuration file what the program says, as far as a schema can.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import * as fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { OPTION_NAMES, type OptionName } from '../../cli/base/options.ts';
import { readSettings } from '../../cli/base/read-settings.ts';
import { UsageError } from '../../cli/base/usage-error.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { useTemporary } from '../kit/temporary.ts';
import { SAMPLES } from './option-samples.ts';

const SCHEMA = 'docs/lookaside.schema.json';
const EXAMPLES = ['docs/lookaside.yaml'];

const validate = new Ajv({ allowUnionTypes: true, allErrors: true }).compile(
  JSON.parse(readFileSync(SCHEMA, 'utf8')) as object,
);

/** What has the form of an address, and is none. */
function isBadAddress(value: unknown): boolean {
  return ['x:65536', '[1.2.3.4]:1', '[1:2]:80', '[:::]:80'].includes(String(value));
}

function isLongName(value: unknown): boolean {
  return String(value).length > 255;
}

/** Bad values that only the program refuses: their faults are in numbers, or within one text. */
const BEYOND: Readonly<Partial<Record<OptionName, (value: unknown) => boolean>>> = {
  listen: isBadAddress,
  'status-listen': isBadAddress,
  peers: (value) => ['a:65536', '[a]', '[1.2.3.4]'].includes(String(value)),
  'webhook-forges': (value) => value !== '' && value !== 7,
  drain: (value) => ['25h', '2d'].includes(String(value)),
  poll: (value) => ['597h', '25d'].includes(String(value)),
  'gpgv-limit': (value) => ['0s', '999ms'].includes(String(value)),
  'max-connections': (value) => ['15', '1000001'].includes(String(value)),
  'per-file': (value) => ['8', '1001'].includes(String(value)),
  'max-path-depth': (value) => value === '0',
  'max-entries': (value) => value === '0',
  'max-path-length': (value) => value === '99999999TiB',
  'max-path-bytes': (value) => value === '99999999TiB',
  'max-transfer': (value) => value === '99999999TiB',
  'max-disk': (value) => value === '99999999TiB',
  'cache-missing': (value) => value === '25h' || value === '2d',
  at: (value) => /^2027-(?:02-31|13|03-31T25)/.test(String(value)),
  scope: (value) => value !== '' && value !== 7,
  map: (value) => value !== '' && value !== 7,
  pool: (value) => value !== '' && value !== 7,
  platform: (value) => value !== 7,
  // Whether paths lie in each other, or end in a digest.
  releases: (value) => Array.isArray(value) && /sha256=|^\[.*\},\{/.test(JSON.stringify(value)),
  'images-from': isLongName,
  'images-to': isLongName,
  'mirrored-images': (value) =>
    JSON.stringify(value).includes('"to":"quay.io/vendor/app"') ||
    (Array.isArray(value) && value.length === 2),
  jobs: (value) => ['0', '65'].includes(String(value)) && typeof value === 'string',
  scopes: (value) => {
    const [name = '', scope] =
      Object.entries<Partial<Record<string, string>>>(Object(value))[0] ?? [];
    const { prefix, require, keyPath, vendor } = scope ?? {};
    return (
      name.length > 255 ||
      prefix === 'a\\b' ||
      (require === 'all' && keyPath !== undefined) ||
      (vendor === 'redhat' && name === 'registry.example')
    );
  },
};

/** Of names, durations and sizes, good ones and bad ones. */
const PIECES =
  '* . / : @ - _ a Z 9 localhost reg.io [::1] :5000 sha256: 0s 1d 4MiB .. __ index.docker.io'
    .split(' ')
    .concat(' ', 'ab'.repeat(32));

describe('the schema of the configuration file', () => {
  const directory = useTemporary('suite');
  let written = 0;
  /** Whether the program takes a file with this content. */
  const isTaken = async (content: unknown): Promise<boolean> => {
    const file = join(directory(), `${written++}.yaml`);
    await writeFile(file, stringify(content));
    const taken = readSettings({ config: file }, {}).then(() => true);
    return taken.catch((error: unknown) => {
      assert.ok(error instanceof UsageError, String(error));
      return false;
    });
  };

  it('is that of the options', async () => {
    const update = ['--import', 'tsx', 'scripts/update-schema.ts', '--check'];
    await runOrThrow(process.execPath, update);
  });

  for (const name of OPTION_NAMES) {
    it(`agrees with the program about ${name}`, async () => {
      for (const [value] of SAMPLES[name].good) {
        const content = { [name]: value };
        assert.ok(
          validate(content),
          `${JSON.stringify(content)}: ${JSON.stringify(validate.errors)}`,
        );
        assert.ok(await isTaken(content));
      }
      for (const [value] of SAMPLES[name].bad) {
        const content = { [name]: value };
        assert.equal(await isTaken(content), false, JSON.stringify(content));
        const isBeyond = BEYOND[name]?.(value) === true;
        assert.equal(validate(content), isBeyond, JSON.stringify(content));
      }
    });
  }

  for (const [what, content, isGood] of [
    ['an empty file', null, true],
    ['no option', {}, true],
    ['two options', { keys: ['a', 'b'], poll: '5m' }, true],
    ['a good option beside a bad one', { keys: 'a', poll: 'soon' }, false],
    ['an unknown option', { brnch: 'main' }, false],
    ['an option in capitals', { Poll: '1s' }, false],
    ['the file itself', { config: 'x' }, false],
    ['a list', ['keys'], false],
    ['a text', 'keys', false],
    ['an option without a value', { keys: null }, false],
  ] as const) {
    it(`agrees with the program about ${what}`, async () => {
      assert.equal(await isTaken(content), isGood);
      assert.equal(validate(content), isGood);
    });
  }

  it('refuses nothing that the program takes', async () => {
    const piece = fc.constantFrom(...PIECES);
    const text = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
    const value = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.array(text));
    const scopes = fc.dictionary(text, fc.record({ keys: fc.constant('a'), prefix: text }));
    const content = fc.oneof(
      fc.record({ scopes }),
      fc.dictionary(fc.constantFrom(...OPTION_NAMES), value, { maxKeys: 2 }),
    );
    await fc.assert(
      fc.asyncProperty(content, async (tried) => {
        const asRead: unknown = parse(stringify(tried));
        if (await isTaken(tried)) assert.ok(validate(asRead), JSON.stringify(validate.errors));
      }),
      { numRuns: 500 },
    );
  });

  for (const file of EXAMPLES) {
    it(`is named in ${file}, which is as it says`, async () => {
      const example = readFileSync(file, 'utf8');
      const [, named = ''] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(example) ?? [];
      assert.equal(join(dirname(file), named), SCHEMA);
      const content: unknown = parse(example);
      assert.ok(validate(content), JSON.stringify(validate.errors));
      assert.ok(await isTaken(content));
    });
  }

  it('knows the configuration files of the documents', async () => {
    const pages = readdirSync('docs').filter((name) => name.endsWith('.md'));
    const text = pages.map((page) => readFileSync(join('docs', page), 'utf8')).join('\n');
    const blocks = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)];
    const files = blocks.map(([, block = '']): unknown => parse(block)).filter(isConfiguration);
    assert.ok(files.length > 0);
    for (const content of files) assert.ok(validate(content), JSON.stringify(validate.errors));
  });
});

function isConfiguration(content: unknown): boolean {
  return typeof content === 'object' && content !== null && 'scopes' in content;
}
