import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { z } from 'zod';
import type { NodeFile } from '../../../../generator/nodes/node-file.ts';
import { writeButane } from '../../../../generator/nodes/targets/butane.ts';
import { FILES, OPTIONS, anyFiles, anyText, textOf, toFile } from './samples.ts';

const butaneSchema = z.strictObject({
  variant: z.literal('openshift'),
  version: z.string(),
  metadata: z.strictObject({ name: z.string(), labels: z.record(z.string(), z.string()) }),
  storage: z.strictObject({
    files: z.array(
      z.strictObject({
        path: z.string(),
        mode: z.literal(0o644),
        overwrite: z.literal(true),
        contents: z.union([
          z.strictObject({ inline: z.string() }),
          z.strictObject({ source: z.string() }),
        ]),
      }),
    ),
  }),
});

function write(files: readonly NodeFile[], options = OPTIONS): string {
  const [written] = writeButane(files, options);
  assert.ok(written);
  return textOf(written);
}

function decode(contents: { inline: string } | { source: string }): Uint8Array {
  if ('inline' in contents) return Buffer.from(contents.inline);
  return Buffer.from(contents.source.split(',')[1] ?? '', 'base64');
}

describe('Butane files', () => {
  it('have the name, the role and the version that were asked for', () => {
    const options = { ...OPTIONS, pools: ['infra'], butane: '4.16.0' };
    const [written] = writeButane(FILES, options);
    assert.equal(written?.path, '99-zz-infra-lookaside.bu');
    const { version, metadata } = butaneSchema.parse(
      parse(write(FILES, options), { version: '1.1' }),
    );
    assert.equal(version, '4.16.0');
    assert.deepEqual(metadata, {
      name: '99-zz-infra-lookaside',
      labels: { 'machineconfiguration.openshift.io/role': 'infra' },
    });
  });

  it('show text as it is, and modes as people write them', () => {
    const text = write(FILES);
    assert.equal(text.match(/^ {6}mode: 0644$/gm)?.length, FILES.length);
    assert.equal(text.match(/inline: \|$/gm)?.length, FILES.length);
    assert.match(text, /^ {12}"default": \[\{ "type": "insecureAcceptAnything" \}\]$/m);
  });

  const anything = fc.oneof(anyText, fc.uint8Array({ maxLength: 300 }));
  it('hold any file', () => {
    fc.assert(
      fc.property(anyFiles(anything), (files) => {
        const { storage } = butaneSchema.parse(parse(write(files), { version: '1.1' }));
        assert.deepEqual(
          storage.files.map(({ path, contents }) => [path, decode(contents)]),
          files.map(({ path, bytes }) => [`/${path}`, bytes]),
        );
      }),
    );
  });

  const notShown = {
    'not UTF-8': [0xff, 0x0a],
    'with a NUL': [0x61, 0x00, 0x0a],
    // Which a reader of YAML takes for a line end.
    'with a next line': [0xc2, 0x85],
    'with a carriage return': [0x0d, 0x0a],
    'of blanks alone': [0x20, 0x0a],
  };
  for (const [fault, bytes] of Object.entries(notShown)) {
    it(`encode a file that is ${fault}`, () => {
      const text = write([toFile('etc/file', Buffer.from(bytes))]);
      assert.doesNotMatch(text, /inline/);
      assert.match(text, /^ {8}source: data:text\/plain;charset=utf-8;base64,\S+$/m);
    });
  }
});
