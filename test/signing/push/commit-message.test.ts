import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Signature } from '../../../generator/gate/judge.ts';
import { formatCommitMessage, formatSubject } from '../../../signing/push/commit-message.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const signed = (dockerReference: string, by = 'ABCD'): Pick<Signature, 'claims' | 'signer'> => ({
  claims: { dockerReference, manifestDigest: DIGEST, creator: null, timestamp: null },
  signer: { fingerprint: by, primaryFingerprint: by },
});

describe('the message of a commit of signatures', () => {
  it('names images, signers and the run', () => {
    const message = formatCommitMessage(
      [signed('a.example/app:v1'), signed('a.example/app:v1', 'EF01'), signed('a.example/db:v1')],
      'https://ci.example/1',
    );
    assert.equal(
      message,
      [
        'Sign a.example/app:v1, a.example/db:v1',
        '',
        `a.example/app:v1 ${DIGEST} by ABCD`,
        `a.example/app:v1 ${DIGEST} by EF01`,
        `a.example/db:v1 ${DIGEST} by ABCD`,
        '',
        'https://ci.example/1',
        '',
      ].join('\n'),
    );
  });

  it('has a subject that is not cut, whatever there is to say', () => {
    const name = fc.stringMatching(/^[a-z]{1,40}$/).map((word) => `a.example/${word}:v1`);
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 30 }), (images) => {
        const subject = formatSubject(images.map((image) => signed(image)));
        assert.ok(subject.length <= 72, subject);
        const shown = subject
          .slice('Sign '.length)
          .replace(/ and (\d+) more$/, '')
          .split(', ');
        const more = Number(/ and (\d+) more$/.exec(subject)?.[1] ?? 0);
        assert.equal(shown.length + more, images.length);
        assert.deepEqual(shown, images.slice(0, shown.length));
      }),
    );
  });

  it('stays short for a release of thousands, and one line a signature', () => {
    const many = Array.from({ length: 5000 }, (_, index) => signed(`a.example/app:v${index}`));
    const lines = formatCommitMessage(many, 'a\nb').split('\n');
    assert.equal(lines.length, 206);
    assert.equal(lines[202], 'and 4800 more');
    assert.equal(lines[204], String.raw`a\u{a}b`);
  });
});
