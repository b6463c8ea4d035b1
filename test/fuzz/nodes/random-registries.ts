// Sets of files for registries.d: scopes around an image and beside it, in one file or in two, in
// all forms of YAML, with addresses that are good, wrong or none.
import { YAML_FORMS } from '../../generator/nodes/registries/yaml-forms.ts';
import type { Random } from '../random.ts';

/** Content by name. */
export type RegistriesSet = Readonly<Record<string, Buffer>>;

const FORMS = Object.values(YAML_FORMS);
const NAMES = ['a.yaml', 'b.yaml', 'default.yaml', '.yaml', '-.yaml', 'ü x.yaml'];
const IGNORED = ['a.yml', 'b.YAML', 'README', 'a.yaml.rpmsave', 'yaml'];
const ADDRESSES = ['file:///none', 'FILE:///none', 'file:/none', 'file:///none/'];
const WRONG = ['/none', 'none', 'ftp://none.example', 'http//x', 'https://a b', 'gopher:x', '5'];
const MEMBERS = ['lookaside', 'lookaside-staging', 'sigstore', 'sigstore-staging'];
const STRANGE = ['lookasid', 'Lookaside', 'url', 'SIGSTORE', 'use-sigstore-attachment'];

/** `image` is `HOST/NAMESPACE/REPOSITORY:TAG`. */
export function makeRegistries(random: Random, image: string): RegistriesSet {
  const files: Record<string, Buffer> = {};
  const left = new Set(scopesOf(image));
  const count = 1 + random.below(3);
  for (let index = 0; index < count; index++) {
    const name = random.pick(random.chance(0.85) ? NAMES : IGNORED);
    // Some have a scope of another file too.
    const scopes = random.chance(0.1) ? scopesOf(image) : [...left];
    const own = scopes.filter(() => random.chance(0.4));
    for (const scope of own) left.delete(scope);
    files[name] = encode(random, formatFile(random, own));
  }
  if (random.chance(0.15)) files['form.yaml'] = Buffer.from(random.pick(FORMS).text);
  if (random.chance(0.4)) files['flow.yaml'] = Buffer.from(makeFlow(random));
  return files;
}

/** '' is for `default-docker`. */
function scopesOf(image: string): readonly string[] {
  const repository = image.replace(/:[^:/]*$/, '');
  const [host = '', namespace = ''] = repository.split('/');
  const around = [image, repository, `${host}/${namespace}`, host, '*.0.0.1', '*.1', ''];
  return [...around, '127.0.0.1', `${host}/`, 'quay.io', '*.io', 'a b'];
}

function formatFile(random: Random, scopes: readonly string[]): string {
  const named = scopes.filter((scope) => scope !== '');
  const isFlow = random.chance(0.3);
  const lines: string[] = [];
  if (scopes.includes('')) lines.push(`default-docker: ${formatSection(random, true)}`);
  if (isFlow) {
    const all = named.map((scope) => `"${scope}": ${formatSection(random, true)}`);
    lines.push(`docker: {${all.join(', ')}}`);
  } else if (named.length > 0 || random.chance(0.5)) {
    lines.push(random.pick(['docker:', '"docker":', 'docker: # ours']));
    for (const scope of named) {
      const key = /^[*a]/.test(scope) || random.chance(0.5) ? `'${scope}'` : scope;
      lines.push(`  ${key}:${formatSection(random, false)}`);
    }
  }
  if (random.chance(0.1))
    lines.unshift(random.pick(['---', '# ours', '%YAML 1.1\n---', 'note: x']));
  return `${lines.join('\n')}\n`;
}

function formatSection(random: Random, isFlow: boolean): string {
  const members = MEMBERS.filter(() => random.chance(0.4)).map((name) => [
    random.chance(0.03) ? random.pick(STRANGE) : name,
    formatAddress(random),
  ]);
  if (random.chance(0.15)) {
    const value = random.pick([
      'true',
      'false',
      'no',
      'Off',
      '~',
      '',
      ...(random.chance(0.1) ? ['"on"', '0'] : []),
    ]);
    members.push(['use-sigstore-attachments', value]);
  }
  if (isFlow) return `{${members.map(([name, value]) => `${name}: ${value}`).join(', ')}}`;
  return members.map(([name, value]) => `\n    ${name}: ${value}`).join('');
}

function formatAddress(random: Random): string {
  const address = random.pick(random.chance(0.85) ? ADDRESSES : WRONG);
  const nothing = random.pick(['""', '~', 'null', '']);
  const quoted = random.pick([address, `"${address}"`, `'${address}'`]);
  return random.chance(0.05) ? nothing : quoted;
}

function encode(random: Random, text: string): Buffer {
  const lines = text.replaceAll('\n', random.chance(0.1) ? '\r\n' : '\n');
  if (!random.chance(0.1)) return Buffer.from(lines);
  const marked = `\uFEFF${lines}`;
  return random.pick([
    Buffer.from(marked),
    Buffer.from(marked, 'utf16le'),
    Buffer.from(marked, 'utf16le').swap16(),
  ]);
}

const FLOW_WORDS = ['a', 'a.b', 'x:y', 'a:', '-', '-a', 'a?b', '?a', ':a', 'file:///x', 'a b', '5'];
const QUOTED = ['"a"', "'a'", "'it''s'", '"\\n"', '"a: b"', '""', "''"];
const BREAKS = ['\n', '\n  ', '\n     ', '\u0085', ' # ours\n', '\n\n'];
const ESCAPES = '0abtnvfre "\\/N_LPqxuU\'\t\n'.split('');
const CODES = ['41', '00e9', 'd800', 'dfff', 'e000', 'fffe', '0001f600', '00110000', 'zz', '1'];

/** Braces, brackets and escapes where no client looks, in forms that readers take differently. */
function makeFlow(random: Random): string {
  const lead = random.pick(['note:', 'note: ', '? note\n: ', 'note:\n  ', '']);
  const flow = random.pick([formatMapping, formatMapping, formatList])(random, 0);
  return `${lead === '' ? `{note: ${flow}}` : `${lead} ${flow}`}\n`;
}

function formatMapping(random: Random, depth: number): string {
  const items = Array.from({ length: random.below(4) }, (_, index) => {
    // Each key once: newer clients look for that.
    const key = random.chance(0.3) ? `"${index}"` : `${index}${random.pick(FLOW_WORDS)}`;
    const colon = random.pick([': ', ': ', ': ', ':', ' : ', ' :', `:${formatBreak(random)}`, '']);
    return `${random.chance(0.03) ? '? ' : ''}${key}${colon}${formatValue(random, depth)}`;
  });
  return `{${joinItems(random, items)}}`;
}

function formatList(random: Random, depth: number): string {
  const items = Array.from({ length: random.below(4) }, () => formatValue(random, depth));
  return `[${joinItems(random, items)}]`;
}

function joinItems(random: Random, items: readonly string[]): string {
  const end = random.chance(0.1) ? random.pick([',', formatBreak(random), ', ']) : '';
  return `${items.join(random.pick([', ', ',', ' , ', `,${formatBreak(random)}`]))}${end}`;
}

function formatValue(random: Random, depth: number): string {
  const dice = random.below(10);
  if (dice < 3 && depth < 3) {
    return random.pick([formatMapping, formatList])(random, depth + 1);
  }
  if (dice < 6) return random.pick(QUOTED);
  if (dice === 6) return formatEscaped(random);
  return random.pick(random.chance(0.5) ? ['a', '5', 'a.b', ''] : FLOW_WORDS);
}

function formatBreak(random: Random): string {
  return random.pick(BREAKS);
}

function formatEscaped(random: Random): string {
  const escape = random.pick(ESCAPES);
  const code = /[xuU]/.test(escape) ? random.pick(CODES) : '';
  const more = random.chance(0.2) ? random.pick(BREAKS) : '';
  return `"a\\${escape}${code}${more}b"`;
}
