import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { z } from 'zod';
import type { NodeFile } from '../../../../generator/node-config/node-file.ts';
import { writeButane } from '../../../../generator/node-config/targets/butane.ts';
import { FILES, OPTIONS, anyFiles, anyText, textOf } from './samples.ts';

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
        contents: z.strictObject({ inline: z.string() }),
      }),
    ),
  }),
});

function write(files: readonly NodeFile[], options = OPTIONS): string {
  const [written] = writeButane(files, options);
  assert.ok(written);
  return textOf(written);
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

  it('hold any text', () => {
    fc.assert(
      fc.property(anyFiles(anyText), (files) => {
        const { storage } = butaneSchema.parse(parse(write(files), { version: '1.1' }));
        assert.deepEqual(
          storage.files.map(({ path, contents }) => [path, contents.inline]),
          files.map(({ path, bytes }) => [`/${path}`, Buffer.from(bytes).toString()]),
        );
      }),
    );
  });

  const notText = { 'not UTF-8': [0xff, 0x0a], 'with a NUL': [0x61, 0x00, 0x0a] };
  for (const [fault, bytes] of Object.entries(notText)) {
    it(`refuse a file that is ${fault}`, () => {
      const file = { path: 'etc/file', bytes: Buffer.from(bytes) };
      assert.throws(() => write([file]), { name: 'TargetError', message: '/etc/file is not text' });
    });
  }
});
