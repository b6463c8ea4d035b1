import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { decodeContents } from '../../../../generator/nodes/cluster/data-url.ts';

const MIB = 1024 ** 2;

function textOf(source: string | undefined, compression?: string): string {
  const found = decodeContents(source, compression);
  assert.equal(found.kind, 'file', JSON.stringify(found));
  return found.kind === 'file' ? Buffer.from(found.bytes).toString() : '';
}

function reasonOf(source: string, compression?: string): string {
  const found = decodeContents(source, compression);
  return found.kind === 'unreadable' ? found.reason : found.kind;
}

function toEscape(byte: number): string {
  return `%${byte.toString(16).padStart(2, '0')}`;
}

function bomb(): string {
  return `data:;base64,${gzipSync(Buffer.alloc(8 * MIB)).toString('base64')}`;
}

describe('the contents of a file in Ignition', () => {
  const packed = gzipSync('hello');

  it('are bytes in base64, or text with escapes', () => {
    assert.equal(textOf('data:text/plain;charset=utf-8;base64,aGVsbG8='), 'hello');
    assert.equal(textOf('data:;base64,aGVs\nbG8='), 'hello');
    assert.equal(textOf('data:,hel%6Co%0A'), 'hello\n');
    assert.equal(textOf('data:,a+b;base64,c'), 'a+b;base64,c');
    assert.equal(textOf('data:,'), '');
    assert.equal(textOf(undefined), '');
  });

  it('are unpacked', () => {
    assert.equal(textOf(`data:;base64,${packed.toString('base64')}`, 'gzip'), 'hello');
    assert.equal(textOf('data:,hello', ''), 'hello');
  });

  it('are any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        for (const source of [
          `data:,${[...bytes].map(toEscape).join('')}`,
          `data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`,
        ]) {
          const found = decodeContents(source, undefined);
          assert.ok(found.kind === 'file' && Buffer.from(found.bytes).equals(bytes));
        }
      }),
    );
  });

  for (const [title, source, compression, reason] of [
    ['an address', 'https://example.com/policy.json', undefined, /not a data URL/],
    ['a wrong escape', 'data:,100%', undefined, /not a data URL/],
    ['wrong base64', 'data:;base64,a', undefined, /not a data URL/],
    ['text that is not packed', 'data:,hello', 'gzip', /not compressed/],
    ['a form that the operator does not know', 'data:,hello', 'xz', /not gzip/],
    ['a bomb', bomb(), 'gzip', /too large/],
    ['a long text', `data:,${'a'.repeat(13 * MIB)}`, undefined, /too large/],
  ] as const) {
    it(`are refused for ${title}`, () => assert.match(reasonOf(source, compression), reason));
  }
});
