// The JSON in a form is read as browsers and Node read forms, however the form is cut, and forms that
// others may read in another way are refused.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  FormPayload,
  decodePayload,
  isForm,
} from '../../../../server/follow/webhook/form-payload.ts';

const decode = (form: string): string | undefined => decodePayload(Buffer.from(form))?.toString();

/** Pieces of a form, cut at these places; undefined for what is not sound. */
function decodeInPieces(form: Buffer, places: readonly number[]): string | undefined {
  const decoder = new FormPayload();
  const cuts = [...places.map((place) => place % (form.length + 1)), form.length].toSorted(
    (one, other) => one - other,
  );
  let from = 0;
  const pieces = cuts.map((to) => {
    const piece = Buffer.from(decoder.decode(form.subarray(from, to)));
    from = to;
    return piece;
  });
  return decoder.end() ? Buffer.concat(pieces).toString() : undefined;
}

describe('the payload of a form', () => {
  const forms: Record<string, readonly [form: string, payload: string | undefined]> = {
    plain: ['payload=x', 'x'],
    empty: ['payload=', ''],
    'without an equals sign': ['payload', ''],
    escaped: ['payload=%7B%22a%22%3a+1%7d', '{"a": 1}'],
    'of several bytes': ['payload=%E2%9C%93é', '✓é'],
    'behind other fields': ['a=1&b&payload=x', 'x'],
    'before other fields': ['payload=x&payloads=y&=z&payloa=w', 'x'],
    'between empty fields': ['&&payload=x&&', 'x'],
    'with another equals sign': ['payload=a=b', 'a=b'],
    'with a semicolon, which parts nothing': ['payload=a;payload=b', 'a;payload=b'],
    'with an escaped ampersand': ['payload=a%26payload=b', 'a&payload=b'],
    'under an escaped name': ['p%61yload=x', 'x'],
    'not there': ['other=x', undefined],
    'not there: nothing': ['', undefined],
    'of a name that is longer': ['payload2=x', undefined],
    'of a name with a space': ['payload+=x', undefined],
    'of a name in capitals': ['Payload=x', undefined],
    'of a name with an escaped equals sign': ['payload%3Dx', undefined],
    twice: ['payload=x&payload=x', undefined],
    'twice, once escaped': ['payload=x&%70ayload=y', undefined],
    'twice, once empty': ['payload=x&payload', undefined],
    'with a bare percent sign': ['payload=100%', undefined],
    'with half an escape': ['payload=%7', undefined],
    'with half an escape before the next field': ['payload=%7&a=b', undefined],
    'with an escape of other letters': ['payload=%zz', undefined],
    'with an escape of a sign and a digit': ['payload=%-1', undefined],
    'with a bare percent sign in another field': ['payload=x&a=%', undefined],
  };
  for (const [name, [form, payload]] of Object.entries(forms)) {
    it(`is ${payload === undefined ? 'refused' : 'read'}: ${name}`, () => {
      assert.equal(decode(form), payload);
      for (let at = 0; at < form.length; at++) {
        assert.equal(decodeInPieces(Buffer.from(form), [at]), payload, `cut at ${at}`);
      }
    });
  }

  it('is what was put into it, however it comes', () => {
    const property = fc.property(
      fc.string({ unit: 'binary' }),
      fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 3 }),
      fc.array(fc.nat(), { maxLength: 5 }),
      (payload, others, places) => {
        const fields = others.filter(([name]) => name !== 'payload');
        const form = new URLSearchParams([...fields, ['payload', payload], ...fields]).toString();
        assert.equal(decodeInPieces(Buffer.from(form), places), payload.toWellFormed());
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  it('is as Node reads it, or refused, whatever comes', () => {
    const signs = fc.constantFrom('payload', '=', '&', '%', '%3D', '%70', '+', 'a', '7', 'é', '{');
    const property = fc.property(
      fc.array(signs, { maxLength: 12 }).map((some) => some.join('')),
      fc.array(fc.nat(), { maxLength: 3 }),
      (form, places) => {
        const read = decodeInPieces(Buffer.from(form), places);
        const fields = new URLSearchParams(`&${form}`).getAll('payload');
        if (read === undefined)
          assert.ok(fields.length !== 1 || /%(?![0-9a-f]{2})/i.test(form), form);
        else assert.deepEqual([read], fields);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  it('is looked for in forms only', () => {
    const types: Record<string, boolean> = {
      'application/x-www-form-urlencoded': true,
      'Application/X-WWW-Form-Urlencoded ; charset=utf-8': true,
      'application/x-www-form-urlencoded;charset=utf-8': true,
      'application/x-www-form-urlencoded2': false,
      'application/json': false,
      'multipart/form-data': false,
      'text/plain; x=application/x-www-form-urlencoded': false,
    };
    for (const [type, is] of Object.entries(types)) assert.equal(isForm(type), is, type);
    assert.equal(isForm(undefined), false);
  });
});
