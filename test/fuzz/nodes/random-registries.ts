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
