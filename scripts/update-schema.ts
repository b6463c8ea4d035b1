// Writes docs/lookaside.schema.json, by which editors complete and check the configuration file, from
// the table of options. With --check it changes nothing and fails when the file is out of date.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { z } from 'zod';
import { OPTION_NAMES, describeOption, optionOf } from '../cli/base/options.ts';

const FILE = new URL('../docs/lookaside.schema.json', import.meta.url);

const options = Object.fromEntries(
  OPTION_NAMES.map((name) => {
    const { default: byDefault, schema } = optionOf(name);
    const note = byDefault === undefined ? '' : ` (default: ${byDefault})`;
    return [name, schema.optional().meta({ description: `${describeOption(name)}${note}` })];
  }),
);
const generated = z.toJSONSchema(z.strictObject(options), { io: 'input', target: 'draft-7' });
const schema = {
  ...generated,
  title: 'Configuration of lookaside',
  description: 'Any of its options, named as on the command line without the dashes.',
  // A file without a word in it is one.
  type: ['object', 'null'],
};

const config = await resolveConfig(FILE);
const text = await format(JSON.stringify(schema), { ...config, parser: 'json' });
if (!process.argv.includes('--check')) {
  writeFileSync(FILE, text);
} else if (!existsSync(FILE) || readFileSync(FILE, 'utf8') !== text) {
  process.stderr.write('docs/lookaside.schema.json is out of date; run `npm run docs`\n');
  process.exitCode = 1;
}
