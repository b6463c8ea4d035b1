import * as fc from 'fast-check';
import type { NodeFile } from '../../../../generator/nodes/node-file.ts';
import { parseStoreUrl } from '../../../../generator/nodes/store-url.ts';
import type { TargetOptions, WrittenFile } from '../../../../generator/nodes/targets/target.ts';

export const OPTIONS: TargetOptions = {
  name: 'lookaside',
  pools: ['worker'],
  ignition: '3.2.0',
  butane: '4.12.0',
  scopes: [],
  url: parseStoreUrl('https://signatures.example.com'),
};

export function toFile(path: string, content: string | Uint8Array): NodeFile {
  return { path, bytes: Buffer.from(content) };
}

export const FILES: readonly NodeFile[] = [
  toFile(
    'etc/containers/policy.json',
    '{\n  "default": [{ "type": "insecureAcceptAnything" }]\n}\n',
  ),
  toFile('etc/containers/registries.d/lookaside.yaml', 'docker:\n  quay.io: {}\n'),
  toFile('etc/pki/containers/lookaside.asc', '-----BEGIN-----\n\nAAAA\n-----END-----\n'),
];

export function textOf({ bytes }: WrittenFile): string {
  return Buffer.from(bytes).toString();
}

/** Lines that could end or change what they stand in. */
const line = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string(),
  fc.constantFrom(
    'END_OF_FILE',
    'END_OF_FILE_',
    'E\u0300',
    'END_OF_FILE\u00e9',
    'A_END\u65e5\u672c',
    '%end',
    '---',
    '...',
    '#cloud-config',
    '$(touch /tmp/never) `touch /tmp/never` ${HOME} \\',
    `'"'"'`,
    '  indented',
    'at its end ',
    '\ttab',
    'return\r',
    '{{ template }}',
    '\u{feff}mark',
    '\u{85}\u{2028}\u{2029}',
  ),
);

/** Any text without NUL. */
export const anyText: fc.Arbitrary<string> = fc
  .array(line, { maxLength: 8 })
  .map((lines) => lines.join('\n').replaceAll('\0', '').toWellFormed());

/** Any text without NUL that ends with a line feed. */
export const anyLines: fc.Arbitrary<string> = anyText.map((text) => `${text}\n`);

/** A relative path of any printable characters. */
export const anyPath: fc.Arbitrary<string> = fc
  .array(
    fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      .map((name) => name.replaceAll(/[/\p{Cc}\p{Cs}]/gu, '-'))
      .filter((name) => !/^\.{1,2}$/.test(name)),
    { minLength: 2, maxLength: 4 },
  )
  .map((names) => names.join('/'));

/** Files with different paths, none below another. */
export function anyFiles(
  content: fc.Arbitrary<string | Uint8Array>,
): fc.Arbitrary<readonly NodeFile[]> {
  return fc
    .uniqueArray(fc.tuple(anyPath, content), {
      minLength: 1,
      maxLength: 4,
      selector: ([path]) => path.split('/', 1)[0],
    })
    .map((entries) => entries.map((entry) => toFile(...entry)));
}
