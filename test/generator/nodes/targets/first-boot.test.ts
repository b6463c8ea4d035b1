// What machines are given at their first boot: cloud-init and kickstart.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { z } from 'zod';
import type { NodeFile } from '../../../../generator/nodes/node-file.ts';
import { writeCloudInit } from '../../../../generator/nodes/targets/cloud-init.ts';
import { writeKickstart } from '../../../../generator/nodes/targets/kickstart.ts';
import { FILES, OPTIONS, anyFiles, textOf, toFile } from './samples.ts';

const cloudConfigSchema = z.strictObject({
  write_files: z.array(
    z.strictObject({
      path: z.string(),
      owner: z.literal('root:root'),
      permissions: z.literal('0644'),
      encoding: z.literal('b64'),
      content: z.string(),
    }),
  ),
});

function write(files: readonly NodeFile[]): string {
  const [written, ...others] = writeCloudInit(files, OPTIONS);
  assert.ok(written);
  assert.deepEqual(others, []);
  assert.equal(written.path, 'lookaside-cloud-config.yaml');
  return textOf(written);
}

describe('the cloud-init target', () => {
  it('writes user data that cloud-init knows by its first line', () => {
    assert.match(write(FILES), /^#cloud-config\n/);
    assert.match(write(FILES), /^ {4}permissions: '0644'$/m);
  });

  it('holds any file, for root to own and all to read', () => {
    fc.assert(
      fc.property(anyFiles(fc.uint8Array({ maxLength: 300 })), (files) => {
        const { write_files: entries } = cloudConfigSchema.parse(parse(write(files)));
        assert.deepEqual(
          entries.map(({ path, content }) => [path, Buffer.from(content, 'base64')]),
          files.map(({ path, bytes }) => [`/${path}`, Buffer.from(bytes)]),
        );
      }),
    );
  });
});

describe('the kickstart target', () => {
  it('writes one part that fails the installation where it fails', () => {
    const [written, ...others] = writeKickstart(FILES, OPTIONS);
    assert.ok(written);
    assert.deepEqual(others, []);
    assert.equal(written.path, 'lookaside.ks');
    const text = textOf(written);
    assert.match(text, /^%post --erroronfail$/m);
    assert.deepEqual(text.match(/^%end$/gm), ['%end']);
    assert.ok(text.endsWith('\n%end\n'));
  });

  it('has no line of a file that could end the part', () => {
    const [written] = writeKickstart([toFile('etc/file', '%end\n%include /x\n')], OPTIONS);
    assert.ok(written);
    assert.deepEqual(textOf(written).match(/^%.*/gm), ['%post --erroronfail', '%end']);
  });

  it('refuses a path that would end a line', () => {
    assert.throws(() => writeKickstart([toFile('etc/a\nb', '')], OPTIONS), {
      name: 'TargetError',
      message: /without control characters/,
    });
  });
});
