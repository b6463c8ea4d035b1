import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { OutputTail, toComplaint } from '../../../generator/system/output-tail.ts';

describe('system: the end of what is written', () => {
  it('is what its last bytes are, however they come', () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 });
    fc.assert(
      fc.property(chunks, fc.integer({ min: 1, max: 30 }), (written, limit) => {
        const tail = new OutputTail(limit);
        for (const chunk of written) tail.push(chunk.map((byte) => byte & 0x7f));
        const all = Buffer.concat(written.map((chunk) => chunk.map((byte) => byte & 0x7f)));
        assert.equal(tail.text(), all.subarray(-limit).toString());
      }),
    );
  });

  it('is shown as its last lines, as one line that a terminal can show', () => {
    assert.equal(toComplaint('1\n2\r\n3\n\n4\u001b[2J\n'), '2; 3; 4\\u{1b}[2J');
    assert.ok(toComplaint('x'.repeat(40_000)).length < 1100);
  });
});
