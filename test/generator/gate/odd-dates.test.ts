import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { formatShown } from '../../../cli/show.ts';
import { describeSignature } from '../../../generator/explain/describe-signature.ts';
import { formatClaims } from '../../../generator/store/report.ts';
import { formatTime } from '../../../generator/terms/text.ts';
import { renderTime } from '../../../server/status/parts/render-time.ts';
import { CREATED, EXPIRES, forgeMessage, forgeSigner } from '../../kit/samples/forged.ts';
import { openMessage } from '../../kit/samples/samples.ts';

const NOW = new Date('2026-11-30T00:00:00Z');

describe('dates of odd length', () => {
  const key = forgeSigner();
  const show = async (created: Buffer, expires: Buffer): Promise<string> => {
    const hashed = [
      { type: CREATED, data: created },
      { type: EXPIRES, data: expires },
    ];
    const bytes = forgeMessage(key, { spec: { hashed } });
    const options = { keyring: undefined, openMessage };
    const shown = await describeSignature('signature-1', bytes, options, NOW);
    assert.ok(shown.signature !== null, 'it is taken apart');
    JSON.stringify(shown);
    return formatShown([shown], false);
  };

  it('are shown, in signatures', async () => {
    const longest = Buffer.alloc(8, 0xff);
    const lines = (await show(longest, longest)).split('\n');
    assert.ok(lines.includes('signed:     18446744073709552000'), lines.join('\n'));
    assert.ok((await show(Buffer.alloc(4, 0xff), Buffer.alloc(4, 0xff))).includes('2106-02-07'));
  });

  it('are shown, whatever their length', async () => {
    const field = fc.uint8Array({ maxLength: 180 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(field, field, async (...fields) => void (await show(...fields))),
      { numRuns: 50 },
    );
  });

  it('are numbers where no calendar reaches, and dates before', () => {
    assert.equal(formatTime(1e20), '100000000000000000');
    assert.equal(formatTime(-1e20), '-100000000000000000');
    assert.equal(formatTime(9_467_085_600_000 * 1000), '9467085600000');
    assert.equal(formatTime(8.64e15), '+275760-09-13T00:00:00Z');
    assert.equal(formatTime(-62_198_755_200_000), '-000001-01-01T00:00:00Z');
    assert.equal(formatTime(NaN), 'NaN');
  });

  it('are shown, in claims and on pages', () => {
    fc.assert(
      fc.property(fc.double(), (seconds) => {
        const claims = { dockerReference: '', manifestDigest: '', creator: null };
        assert.ok(formatClaims({ ...claims, timestamp: seconds }).timestamp);
        assert.ok(renderTime(seconds, NOW).markup);
        assert.ok(formatTime(seconds));
      }),
    );
  });
});
