import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { XmlDocument } from 'libxml2-wasm';
import { toPrintable } from '../../../generator/terms/text.ts';
import { Html, html, htmlLines } from '../../../server/html/html.ts';

/** Not in XML at all; HTML takes them as they are. */
const NO_XML = /[\uFFFE\uFFFF]/g;

/** What a parser makes of markup: the one attribute and the text. */
function read({ markup }: Html): readonly [string | undefined, string] {
  const document = XmlDocument.fromString(markup);
  try {
    return [document.get('/p/@title')?.content, document.root.content];
  } finally {
    document.dispose();
  }
}

describe('markup', () => {
  it('keeps text as text, in elements and in attributes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (raw) => {
        const text = raw.replaceAll(NO_XML, '');
        const [title, content] = read(html`<p title="${text}">${text}</p>`);
        assert.equal(title, toPrintable(text.toWellFormed()));
        assert.equal(content, title);
      }),
      { numRuns: 500 },
    );
  });

  it('escapes what opens and closes', () => {
    assert.equal(
      html`${`<a b='c' d="e">&\``}`.markup.replaceAll(/&#\d+;/g, '_'),
      '_a b=_c_ d=_e____',
    );
  });

  it('makes visible what is not seen, or turns text round', () => {
    assert.equal(html`a${'\u202e\u0000\n\u200b'}`.markup, String.raw`a\u{202e}\u{0}\u{a}\u{200b}`);
  });

  it('takes markup as it is, lists, numbers and nothing', () => {
    const bold = html`<b>${1}</b>`;
    assert.equal(
      html`<p>${[bold, ' & ', [undefined, bold]]}</p>`.markup,
      '<p><b>1</b> &#38; <b>1</b></p>',
    );
  });

  it('keeps the lines of a block', () => {
    assert.equal(htmlLines('a<\n\tb').markup, String.raw`a&#60;${'\n'}\u{9}b`);
  });

  it('survives half a character', () => {
    assert.equal(html`${'\ud800'}`.markup, '\ufffd');
  });
});
